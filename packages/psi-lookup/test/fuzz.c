/*
 * The whole program under libFuzzer, with a kernel of its own: what it calls is answered by the functions here, so that servers cut, drip,
 * lie and hang, calls are interrupted, and time passes, without a socket and without waiting. What must hold stands in `check`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    OUTPUT_ROOM = 2 * 1024 * 1024,
    STREAM_ROOM = 2 * 1024 * 1024,
    CALLS_MAX = 2 * 1000 * 1000,
    RECEIVED_MAX = 4096,
    SOCKET_FD = 7,
    FILE_FD = 8,
    BEGUN_FD = 9,
};

/* What a server sends after the last byte that it has. */
enum last { HANGS_UP, RESETS, STAYS };

static struct {
    uint32_t random;
    /* 0: calls do as they should; else one in so many is interrupted or cut short. */
    unsigned trouble;
    enum last last;
    int refused_connects;
    int silent_connections;
    bool full_stdout;
    bool has_marker;
    bool is_connected;
    /* Whether there is a file to be read before the value is written, and whether it was. */
    bool has_begun_file;
    bool has_begun;
    /* Of the open file: the header file or the marker of failed starts, both with what the server sends in them. */
    bool is_open;
    size_t read;
    int64_t clock_us;
    unsigned calls;

    const char *stream;
    size_t stream_size;
    size_t sent;
    bool is_silent;

    size_t output_size;
    size_t received_count;
    struct {
        const char *at;
        size_t size;
    } received[RECEIVED_MAX];
} world;

static char output[OUTPUT_ROOM];
static char stream[STREAM_ROOM];

static void must(bool good, const char *what)
{
    if (good) return;
    fprintf(stderr, "must not be: %s\n", what);
    abort();
}

static uint32_t draw(uint32_t below)
{
    world.random = world.random * 1664525u + 1013904223u;
    return (world.random >> 8) % below;
}

static void tick(int64_t us)
{
    world.clock_us += us;
    must(++world.calls < CALLS_MAX, "no end");
}

static int fails(int cause)
{
    tick(25000);
    errno = cause;
    return -1;
}

static bool is_trouble(void)
{
    return world.trouble != 0 && draw(world.trouble) == 0;
}

static int soft_cause(void)
{
    return draw(2) == 0 ? EINTR : EAGAIN;
}

static size_t part_of(size_t size)
{
    return size > 1 && is_trouble() ? 1 + draw((uint32_t)size) : size;
}

static int fake_clock_gettime(clockid_t id, struct timespec *time)
{
    (void)id;
    tick(1);
    *time = (struct timespec){.tv_sec = world.clock_us / 1000000, .tv_nsec = world.clock_us % 1000000 * 1000};
    return 0;
}

static bool has_more(void)
{
    return !world.is_silent && world.sent < world.stream_size;
}

static int fake_poll(struct pollfd *one, nfds_t count, int ms)
{
    must(ms >= 0, "a wait without an end");
    if (is_trouble()) return fails(EINTR);
    bool waits = count == 0 || (one->fd == SOCKET_FD && one->events == POLLIN && !has_more() && world.last == STAYS);
    waits = waits || (count == 1 && one->fd == STDOUT_FILENO && world.full_stdout);
    tick(waits ? (int64_t)ms * 1000 : 10);
    return waits ? 0 : 1;
}

static int fake_socket(int family, int type, int protocol)
{
    must(family == AF_UNIX && (type & SOCK_CLOEXEC) != 0 && protocol == 0, "another socket");
    must(!world.is_connected, "a socket that stays open");
    world.is_connected = true;
    return SOCKET_FD;
}

static int fake_setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    const struct timeval *limit = value;
    must(fd == SOCKET_FD && level == SOL_SOCKET && option == SO_SNDTIMEO && size == sizeof *limit, "another option");
    must(limit->tv_sec > 0 || limit->tv_usec > 0, "a connect without an end");
    return 0;
}

static int fake_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    must(fd == SOCKET_FD && address->sa_family == AF_UNIX && size <= sizeof(struct sockaddr_un), "another address");
    static const int causes[] = {ECONNREFUSED, ECONNREFUSED, ENOENT, EINTR, EAGAIN, EACCES, EMFILE};
    if (world.refused_connects > 0) {
        world.refused_connects--;
        return fails(causes[draw(sizeof causes / sizeof *causes)]);
    }
    world.is_silent = world.silent_connections > 0;
    if (world.is_silent) world.silent_connections--;
    world.sent = 0;
    return 0;
}

static int fake_close(int fd)
{
    must(fd == SOCKET_FD || (fd == FILE_FD && world.is_open), "another descriptor closed");
    *(fd == FILE_FD ? &world.is_open : &world.is_connected) = false;
    return 0;
}

static int fake_stat(const char *path, struct stat *info)
{
    must(strcmp(path, "/run/psi/psi.sock") == 0, "another path");
    if (is_trouble()) return fails(ENOENT);
    info->st_mode = is_trouble() ? S_IFREG : S_IFSOCK;
    return 0;
}

static int fake_access(const char *path, int mode)
{
    (void)path;
    (void)mode;
    return is_trouble() ? fails(EACCES) : 0;
}

static int fake_open(const char *path, int flags)
{
    bool is_marker = strcmp(path, "/run/psi/start-failed") == 0;
    must((flags & (O_NONBLOCK | O_CLOEXEC)) == (O_NONBLOCK | O_CLOEXEC) && !world.is_open, "another open");
    must(is_marker || strcmp(path, "/header") == 0, "another file");
    if (is_trouble() || (is_marker && !world.has_marker)) return fails(ENOENT);
    world.is_open = true;
    world.read = 0;
    return FILE_FD;
}

static int fake_fstat(int fd, struct stat *info)
{
    must(fd == FILE_FD && world.is_open, "another file looked at");
    info->st_mode = is_trouble() ? S_IFIFO : S_IFREG;
    return 0;
}

static size_t read_some(int fd, void *bytes, size_t room)
{
    size_t left = fd == FILE_FD ? world.stream_size - world.read : draw(9000);
    size_t size = part_of(left < room ? left : room);
    if (fd == FILE_FD) memcpy(bytes, world.stream + world.read, size);
    else memset(bytes, 'b', size);
    world.read += size;
    return size;
}

static ssize_t read_begun(void *bytes, size_t room)
{
    must(room > 3 && !world.has_begun, "a file read beyond its end");
    world.has_begun = world.read > 0;
    if (!world.has_begun) memcpy(bytes, "sh\n", 3);
    world.read = 3;
    return world.has_begun ? 0 : 3;
}

static ssize_t fake_read(int fd, void *bytes, size_t room)
{
    must((fd == BEGUN_FD && world.has_begun_file) || (fd == FILE_FD && world.is_open) || fd == STDIN_FILENO, "another file read");
    if (is_trouble()) return fails(soft_cause());
    tick(1);
    if (fd == BEGUN_FD) return read_begun(bytes, room);
    return (ssize_t)read_some(fd, bytes, room);
}

static ssize_t fake_send(int fd, const void *bytes, size_t size, int flags)
{
    must(fd == SOCKET_FD && bytes != NULL && size > 0 && flags == (MSG_NOSIGNAL | MSG_DONTWAIT), "another send");
    if (is_trouble()) return fails(draw(4) == 0 ? EPIPE : soft_cause());
    return (ssize_t)part_of(size);
}

static ssize_t fake_recv(int fd, void *bytes, size_t room, int flags)
{
    must(fd == SOCKET_FD && room > 0 && flags == MSG_DONTWAIT, "another recv");
    if (is_trouble()) return fails(soft_cause());
    if (!has_more()) return world.last == HANGS_UP ? 0 : fails(world.last == RESETS ? ECONNRESET : EAGAIN);
    size_t left = world.stream_size - world.sent;
    size_t size = part_of(left < room ? left : room);
    memcpy(bytes, world.stream + world.sent, size);
    world.sent += size;
    if (world.received_count < RECEIVED_MAX) {
        world.received[world.received_count].at = bytes;
        world.received[world.received_count++].size = size;
    }
    tick(1);
    return (ssize_t)size;
}

static void check_line(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        must(((unsigned char)text[i] >= ' ' && text[i] != 0x7f) || (text[i] == '\n' && i + 1 == size), "a control character in a line");
}

static ssize_t fake_write(int fd, const void *bytes, size_t size)
{
    if (fd == STDERR_FILENO) {
        // Of several lines at once there is the help alone.
        if (strncmp(bytes, "usage", 5) != 0) check_line(bytes, size);
        return (ssize_t)size;
    }
    must(fd == STDOUT_FILENO && size <= 4096, "a write that may wait");
    must(world.has_begun == world.has_begun_file, "a write before it was told");
    if (is_trouble()) return fails(draw(8) == 0 ? EPIPE : soft_cause());
    size = part_of(size);
    must(size <= sizeof output - world.output_size, "more than was sent");
    memcpy(output + world.output_size, bytes, size);
    world.output_size += size;
    return (ssize_t)size;
}

#define main psi_lookup_main
#define clock_gettime fake_clock_gettime
#define poll(one, count, ms) fake_poll(one, count, ms)
#define socket(family, type, protocol) fake_socket(family, type, protocol)
#define setsockopt fake_setsockopt
#define connect fake_connect
#define close fake_close
#define stat(path, info) fake_stat(path, info)
#define access fake_access
#define open fake_open
#define fstat fake_fstat
#define read fake_read
#define send fake_send
#define recv fake_recv
#define write fake_write
#define prctl(...) 0
#define signal(...) 0
#define sigprocmask(...) 0
#define alarm(...) 0
#include "../src/psi-lookup.c"
#undef main

struct expected {
    const char *bytes;
    size_t size;
};

/* What the fuzzer is to find its way through is the program, not this. */
#define UNTRACED __attribute__((no_sanitize("coverage")))

/* The first blank line from `at` on: where what follows it begins; 0: none. */
UNTRACED static size_t after_blank(const char *text, size_t size, size_t at)
{
    for (; at + 1 < size; at++) {
        if (text[at] != '\n') continue;
        if (text[at + 1] == '\n') return at + 2;
        if (at + 2 < size && text[at + 1] == '\r' && text[at + 2] == '\n') return at + 3;
    }
    return 0;
}

/* What a success must have printed, found without the program's own ways. Aborts where there is none. */
UNTRACED static struct expected value_in(const char *text, size_t size)
{
    size_t at = 0;
    size_t body = after_blank(text, size, at);
    while (body != 0 && body - at > 12 && text[at + 9] == '1') {
        at = body;
        body = after_blank(text, size, at);
    }
    must(body != 0, "a success without a head");
    must(body - at > 12 && memcmp(text + at, "HTTP/1.", 7) == 0 && memcmp(text + at + 8, " 200", 4) == 0, "a success that is none");
    char head[HEAD_MAX + 1];
    must(body - at < sizeof head, "a head that is too long");
    memcpy(head, text + at, body - at);
    head[body - at] = '\0';
    must(strlen(head) == body - at && strcasestr(head, "\ntransfer-encoding:") == NULL, "a head that is none");
    const char *length = strcasestr(head, "\ncontent-length:");
    must(length != NULL, "a success without a length");
    size_t number = strtoul(length + strlen("\ncontent-length:"), NULL, 10);
    must(number <= BODY_MAX && size - body >= number, "a success before the end");
    return (struct expected){text + body, number};
}

UNTRACED static bool is_zero(const char *bytes, size_t size)
{
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static bool is_final(int status)
{
    return status >= EXIT_DONE && status <= EXIT_NOT_WRITTEN;
}

UNTRACED static void check(const struct verb *verb, int status, int64_t began_us)
{
    bool is_health = strcmp(verb->name, "health") == 0;
    bool done = status == (is_health ? 0 : EXIT_DONE);
    must(is_health ? status <= 1 : is_final(status) || status == EXIT_TOO_LARGE || status == EXIT_USAGE, "another exit status");
    must(status != EXIT_USAGE || (world.has_begun_file && world.trouble != 0), "other words than were given");
    must(done || world.output_size == 0 || status == (is_health ? 1 : EXIT_NOT_WRITTEN), "a part of a value");
    if (done) {
        struct expected value = value_in(world.stream, world.stream_size);
        must(world.output_size == (verb->prints ? value.size : 0), "a value of another length");
        must(memcmp(output, value.bytes, world.output_size) == 0, "another value");
    }
    // Each step under way at the end of a wait may take a little more.
    must(world.clock_us - began_us < (SECONDS_DEFAULT * 1000 + WRITE_MS + 1000) * (int64_t)1000, "longer than it may take");
    for (size_t i = 0; i < world.received_count; i++)
        must(is_zero(world.received[i].at, world.received[i].size), "something of the answer is still in memory");
}

/* What the server sends: the input as it stands; a value made of it, whole or cut; or one with a long head or a long body. */
enum shape { RAW, WHOLE_VALUE, CUT_VALUE, LONG_HEAD, LONG_BODY, SHAPES };

static size_t value_stream(const char *bytes, size_t size, size_t padding, size_t times)
{
    int head = snprintf(stream, sizeof stream, "HTTP/1.1 200 OK\r\nX: %0*d\r\nContent-Length: %zu\r\n\r\n", (int)padding, 0, size * times);
    size_t used = (size_t)head;
    for (size_t i = 0; i < times && size <= sizeof stream - used; i++, used += size) memcpy(stream + used, bytes, size);
    return used;
}

static size_t make_stream(enum shape shape, const char *bytes, size_t size)
{
    size_t whole;
    switch (shape) {
    case WHOLE_VALUE:
        return value_stream(bytes, size, 1, 1);
    case CUT_VALUE:
        whole = value_stream(bytes, size, 1, 1);
        return draw((uint32_t)whole);
    case LONG_HEAD:
        return value_stream(bytes, size, HEAD_MAX - 200 + draw(400), 1);
    case LONG_BODY:
        return value_stream(bytes, size, 1, size == 0 ? 0 : (BODY_MAX - 2 * size + draw(4 * (uint32_t)size)) / size);
    default:
        memcpy(stream, bytes, size);
        return size;
    }
}

static void check_shape(enum shape shape, const struct verb *verb, int status)
{
    int done = strcmp(verb->name, "health") == 0 ? 0 : EXIT_DONE;
    bool no_trouble = world.trouble == 0 && world.refused_connects == 0 && world.silent_connections == 0 && !world.full_stdout;
    if (shape == CUT_VALUE) must(status != done, "a success of an answer that was cut");
    if (shape == WHOLE_VALUE && no_trouble) must(status == done, "a failure where nothing was wrong");
}

static void begin_world(const uint8_t setting[8])
{
    memset(&world, 0, sizeof world);
    world.random = (uint32_t)setting[1] | (uint32_t)setting[2] << 8 | 1u << 20;
    world.trouble = setting[3] % 8 > 4 ? 3 + draw(20) : 0;
    world.last = (enum last)(setting[4] % 3);
    world.refused_connects = setting[5] % 8 > 5 ? (int)draw(4) : 0;
    world.silent_connections = setting[6] % 8 > 5 ? (int)draw(6) : 0;
    world.full_stdout = setting[7] % 16 == 15;
    world.has_marker = setting[4] % 32 > 27;
    world.clock_us = 5000000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 8 || size > 64 * 1024) return 0;
    begin_world(data);
    enum shape shape = (enum shape)(data[0] / 8 % SHAPES);
    // These cost as much as a hundred others.
    if ((shape == LONG_BODY && data[7] != 1) || (shape == LONG_HEAD && data[7] > 15)) shape = WHOLE_VALUE;
    const struct verb *verb = &VERBS[data[0] % 8 % (sizeof VERBS / sizeof *VERBS)];
    world.stream = stream;
    world.stream_size = make_stream(shape, (const char *)data + 8, size - 8);
    int64_t began_us = world.clock_us;
    bool no_refusals = world.refused_connects == 0 && world.silent_connections == 0;
    char name[8];
    snprintf(name, sizeof name, "%s", verb->name);
    char *words[] = {"psi-lookup", name, (char[]){"--begun"}, (char[]){"9"}, (char[]){"--header"}, (char[]){"/header"}, NULL};
    bool has_token = data[6] / 8 % 8 == 7;
    world.has_begun_file = has_token || data[5] / 8 % 2 == 1;
    int status = psi_lookup_main(has_token ? 6 : world.has_begun_file ? 4 : 2, words);
    must(!world.is_open && !world.is_connected, "a descriptor that stays open");
    check(verb, status, began_us);
    if (shape != WHOLE_VALUE || (no_refusals && !has_token)) check_shape(shape, verb, status);
    return 0;
}
