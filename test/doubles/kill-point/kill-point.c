/* Preloaded into PSI by tests: ends it with SIGKILL at one step of a write. The step is the text of the file that KILL_POINT_FILE names;
 * without that file nothing happens. Of a save of the cache it is such as "before write" or "after fsync". Of everything that changes
 * something below the folder KILL_POINT_ROOT it is "step 7": before the seventh such call since the file is there; with KILL_POINT_READS what
 * reads something there counts too. With KILL_POINT_COPIES nothing is killed: what a kill at that step would leave is copied to a folder
 * `step-7` there, which costs no start of a process for each step. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

static const char *root(void)
{
    const char *path = getenv("KILL_POINT_ROOT");
    return path != NULL && *path != '\0' ? path : NULL;
}

static void copy(const char *from, unsigned number)
{
    const char *copies = getenv("KILL_POINT_COPIES");
    char to[4096];
    pid_t child;
    if (copies == NULL)
        return;
    snprintf(to, sizeof to, "%s/step-%u", copies, number);
    char *argv[] = {"cp", "-a", (char *)from, to, NULL};
    char *envp[] = {"PATH=/usr/bin:/bin", NULL};
    if (posix_spawnp(&child, "cp", NULL, NULL, argv, envp) == 0)
        while (waitpid(child, NULL, 0) < 0)
            ;
}

/* Answers whether it is one of the steps. */
static int step(const char *path)
{
    static unsigned count;
    char point[64];
    const char *below = root();
    if (below == NULL || path == NULL || strncmp(path, below, strlen(below)) != 0)
        return 0;
    const char *armed = getenv("KILL_POINT_FILE");
    if (armed != NULL && access(armed, F_OK) != 0) {
        __atomic_store_n(&count, 0, __ATOMIC_SEQ_CST);
        return 1;
    }
    unsigned number = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
    snprintf(point, sizeof point, "step %u", number);
    reach(point);
    copy(below, number);
    return 1;
}

static int step_of(int fd)
{
    char link[64], path[4096];
    if (root() == NULL)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = '\0';
    return step(path);
}

static int counts_reads(void)
{
    return getenv("KILL_POINT_READS") != NULL;
}

ssize_t read(int fd, void *bytes, size_t count)
{
    static ssize_t (*real)(int, void *, size_t);
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "read");
    if (counts_reads())
        step_of(fd);
    return real(fd, bytes, count);
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
    step_of(fd);
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
    /* A kill loses nothing of what was written: waiting for the disk a thousand times would only take minutes. */
    if (step_of(fd))
        return 0;
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
    step(to);
    around("before", "rename", what);
    int result = real(from, to);
    around("after", "rename", what);
    return result;
}

/* The rest is of no interest to the cache's points. */
#define STEP_OF_PATH(name, parameters, path, ...) \
    int name parameters \
    { \
        static int(*real) parameters; \
        if (real == NULL) \
            real = dlsym(RTLD_NEXT, #name); \
        step(path); \
        return real(__VA_ARGS__); \
    }

STEP_OF_PATH(mkdir, (const char *path, mode_t mode), path, path, mode)
STEP_OF_PATH(chmod, (const char *path, mode_t mode), path, path, mode)
STEP_OF_PATH(link, (const char *target, const char *path), path, target, path)
STEP_OF_PATH(symlink, (const char *target, const char *path), path, target, path)
STEP_OF_PATH(unlink, (const char *path), path, path)
STEP_OF_PATH(rmdir, (const char *path), path, path)

int fchmod(int fd, mode_t mode)
{
    static int (*real)(int, mode_t);
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "fchmod");
    step_of(fd);
    return real(fd, mode);
}

#define STEP_OF_CREATION(name) \
    int name(const char *path, int flags, ...) \
    { \
        static int (*real)(const char *, int, mode_t); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        if (real == NULL) \
            real = dlsym(RTLD_NEXT, #name); \
        if ((flags & O_CREAT) != 0 || counts_reads()) \
            step(path); \
        return real(path, flags, mode); \
    }

STEP_OF_CREATION(open)
STEP_OF_CREATION(open64)
