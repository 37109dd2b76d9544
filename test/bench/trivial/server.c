/* The least that can take PSI's place behind a driver command: each connection gets one fixed value.
 * Usage: server SOCKET VALUE. A yardstick of the bench; it looks at no request. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char request[4096], answer[4096];
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (argc != 3 || server < 0) return 1;
    strncpy(at.sun_path, argv[1], sizeof at.sun_path - 1);
    int length = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                          strlen(argv[2]), argv[2]);
    if (bind(server, (struct sockaddr *)&at, sizeof at) != 0 || listen(server, 511) != 0) return 1;
    puts("listening");
    fflush(stdout);
    for (;;) {
        int client = accept(server, NULL, NULL);
        if (client < 0) continue;
        if (read(client, request, sizeof request) > 0 && write(client, answer, (size_t)length) < 0) perror("write");
        close(client);
    }
}
