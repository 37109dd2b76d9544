/* Preloaded into PSI by tests: ends it with SIGKILL at one step of a save of the cache. The step is the text of the file that
 * KILL_POINT_FILE names, such as "before write" or "after fsync"; without that file nothing happens. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void reach(const char *point)
{
    const char *path = getenv("KILL_POINT_FILE");
    char wanted[64];
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    if (file == NULL)
        return;
    char *line = fgets(wanted, sizeof wanted, file);
    fclose(file);
    if (line == NULL)
        return;
    wanted[strcspn(wanted, "\n")] = '\0';
    if (strcmp(wanted, point) != 0)
        return;
    kill(getpid(), SIGKILL);
    /* The first process of a container is spared its own SIGKILL. This ends it at once too, without handlers or buffers. */
    _exit(137);
}

/* The last part of what a descriptor is open on: the cache's temporary file, the folder it lies in, or something else. */
static const char *subject(int fd)
{
    char link[64], path[4096];
    struct stat status;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return NULL;
    path[length] = '\0';
    if (strstr(path, "/.cache.enc.") != NULL)
        return "";
    return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode) ? " folder" : NULL;
}

static void around(const char *when, const char *call, const char *what)
{
    char point[64];
    if (what == NULL)
        return;
    snprintf(point, sizeof point, "%s %s%s", when, call, what);
    reach(point);
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    static ssize_t (*real)(int, const void *, size_t);
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "write");
    const char *what = subject(fd);
    if (what != NULL && *what == '\0')
        around("before", "write", what);
    ssize_t written = real(fd, bytes, count);
    if (what != NULL && *what == '\0')
        around("after", "write", what);
    return written;
}

int fsync(int fd)
{
    static int (*real)(int);
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "fsync");
    const char *what = subject(fd);
    around("before", "fsync", what);
    int result = real(fd);
    around("after", "fsync", what);
    return result;
}

int rename(const char *from, const char *to)
{
    static int (*real)(const char *, const char *);
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "rename");
    const char *what = strstr(from, "/.cache.enc.") != NULL ? "" : NULL;
    around("before", "rename", what);
    int result = real(from, to);
    around("after", "rename", what);
    return result;
}
