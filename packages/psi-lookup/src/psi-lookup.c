/*
 * psi-lookup: asks PSI over its Unix socket, as Podman's driver commands do with curl. One request, one answer, out again.
 *
 * Nothing is written to stdout before the whole answer is there. Every buffer has a fixed size and every wait an end. What held a
 * value or a token is wiped. How it ends: psi-lookup.h.
 */
#define _GNU_SOURCE
#include "psi-lookup.h"

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

#ifndef PSI_VERSION
#define PSI_VERSION "unversioned"
#endif

enum {
    HEAD_MAX = 16 * 1024,
    /* Twice what Podman takes as a secret. */
    BODY_MAX = 1024 * 1024,
    LENGTH_DIGITS_MAX = 9,
    /* PSI stores nothing longer; one byte more tells it that there is more. */
    STORED_MAX = 16 * 1024 + 1,
    HEADER_FILE_MAX = 8 * 1024,
    REQUEST_MAX = HEADER_FILE_MAX + STORED_MAX + 2 * 1024,
    ID_MAX = 256,
    REASON_MAX = 600,
    CAUSE_MAX = 1024,
    MARKER_LINE_MAX = 400,
    /* A write of so much does not wait where poll says that there is room. */
    CHUNK_MAX = 4096,

    SECONDS_DEFAULT = 20,
    SECONDS_MAX = 3600,
    DESCRIPTOR_MAX = 9,
    /* Long enough for a PSI that is there, where three of its starts have failed. */
    SECONDS_AFTER_FAILED_STARTS = 2,
    /* A socket that is replaced is gone for a moment. */
    ABSENT_MS = 500,
    RETRY_MS = 20,
    /* Hung up on without a word: those who waited at a socket that was replaced. */
    HANG_UPS_MAX = 3,
    WRITE_MS = 5000,
    /* After all that has an end of its own. */
    SECONDS_OVER = 2,
    BEGUN_FILE_MAX = 512,

    SWITCHING_PROTOCOLS = 101,
};

struct verb {
    const char *name;
    const char *method;
    const char *path;
    bool takes_id;
    bool takes_body;
    bool prints;
};

static const struct verb VERBS[] = {
    {"lookup", "GET", "/lookup/", true, false, true},
    {"store", "POST", "/store/", true, true, false},
    {"delete", "DELETE", "/delete/", true, false, false},
    {"list", "GET", "/list", false, false, true},
    {"health", "GET", "/healthz", false, false, true},
};

struct call {
    const struct verb *verb;
    const char *id;
    const char *socket;
    /* NULL: the socket asks for no token. */
    const char *header_file;
    long seconds;
    /* Where a failure that is final is told: whoever goes on to curl after another one wants to hear nothing of it. */
    long errors;
    /* A file that is read to its end before the value is written; 0: none. */
    long begun;
    int64_t began;
    int64_t until;
};

/* How a call ended: its exit status, the number that curl has for it, and the cause for the journal. */
struct end {
    enum exit_status status;
    int curl;
    char cause[CAUSE_MAX];
};

struct request {
    size_t used;
    bool full;
    char bytes[REQUEST_MAX];
};

struct body {
    size_t used;
    char bytes[STORED_MAX];
};

struct answer {
    /* Before it: answers that were not the last word (1xx). */
    size_t begin;
    size_t used;
    /* Where the body begins; 0: the head is not whole yet. */
    size_t body;
    size_t length;
    bool has_length;
    bool is_coded;
    int http;
    char reason[REASON_MAX + 1];
    char bytes[HEAD_MAX + BODY_MAX];
};

/* What an answer is, as far as it has come. */
enum verdict { MORE, WHOLE, REFUSED, TOO_LARGE, EMPTY, CUT, RESET, NO_HTTP, STRANGE, LATE };

/* Always false, to be returned. */
__attribute__((format(printf, 4, 5))) static bool fail(struct end *end, enum exit_status status, int curl, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(end->cause, sizeof end->cause, format, values);
    va_end(values);
    end->status = status;
    end->curl = curl;
    return false;
}

/* Time. */

static int64_t now_ms(void)
{
    struct timespec time = {0};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int64_t smaller(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* False: not before `until`. A closed or broken end is ready too: the next call on it says so. */
static bool is_ready(int fd, short events, int64_t until)
{
    for (;;) {
        int64_t left = until - now_ms();
        if (left <= 0) return false;
        struct pollfd one = {.fd = fd, .events = events};
        int ready = poll(&one, 1, (int)left);
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
    }
}

static void pause_until(int64_t until)
{
    int64_t left = until - now_ms();
    if (left > 0) poll(NULL, 0, (int)left);
}

/* Words. */

/* The units of a user have a socket in that user's own folder. */
static const char *user_flag(const char *socket)
{
    static const char folder[] = "/run/user/";
    if (strncmp(socket, folder, sizeof folder - 1) != 0) return "";
    const char *user = socket + sizeof folder - 1;
    size_t digits = strspn(user, "0123456789");
    return digits > 0 && user[digits] == '/' ? " --user" : "";
}

static void blank_controls(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f) *text = '?';
}

static bool fail_late(const struct call *call, struct end *end)
{
    const char *user = user_flag(call->socket);
    return fail(end, EXIT_LATE, 28, "psi: no answer at %s within %ld s: run systemctl%s status psi.service", call->socket,
                call->seconds, user);
}

static bool fail_broken(const struct call *call, struct end *end, int curl)
{
    const char *user = user_flag(call->socket);
    return fail(end, EXIT_BROKEN, curl, "psi: the call at %s broke off: run systemctl%s status psi.service", call->socket, user);
}

static bool fail_header(const struct call *call, struct end *end)
{
    return fail(end, EXIT_NO_HEADER, 26, "psi: cannot read %s: run podman exec psi psi setup", call->header_file);
}

/* Files. */

/* The file that psi.service leaves beside its socket when it fails to start for the third time. Like `[ -f ]`. */
static int open_marker(const struct call *call)
{
    static const char name[] = "/start-failed";
    char path[sizeof((struct sockaddr_un *)0)->sun_path + sizeof name];
    const char *end = strrchr(call->socket, '/');
    int folder = end == NULL ? 0 : (int)(end - call->socket);
    snprintf(path, sizeof path, "%.*s%s", folder, call->socket, name);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    struct stat info;
    if (fd >= 0 && (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))) {
        close(fd);
        return -1;
    }
    return fd;
}

/* How many bytes came before the end of the file, or -1 where it cannot be read or has more than `room`. */
static ssize_t read_file(int fd, char *bytes, size_t room)
{
    size_t used = 0;
    while (used < room) {
        ssize_t got = read(fd, bytes + used, room - used);
        if (got == 0) return (ssize_t)used;
        if (got > 0) used += (size_t)got;
        else if (errno != EINTR) return -1;
    }
    return -1;
}

/* What PSI gets. */

static void put(struct request *request, const char *bytes, size_t length)
{
    if (length > sizeof request->bytes - request->used) {
        request->full = true;
        return;
    }
    memcpy(request->bytes + request->used, bytes, length);
    request->used += length;
}

static void put_text(struct request *request, const char *text)
{
    put(request, text, strlen(text));
}

/* What is none of these PSI refuses by name; it must not end the line of the request. */
static void put_id(struct request *request, const char *id)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *id != '\0'; id++) {
        char coded[4];
        snprintf(coded, sizeof coded, "%%%02X", (unsigned char)*id);
        if (strchr(plain, *id) != NULL) put(request, id, 1);
        else put_text(request, coded);
    }
}

/* Lines of the header file, as curl takes them: those with a name and a value. */
static bool put_header_lines(struct request *request, const char *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        const char *line = bytes + at;
        const char *newline = memchr(line, '\n', length - at);
        size_t size = newline == NULL ? length - at : (size_t)(newline - line);
        at += size + 1;
        while (size > 0 && strchr("\r\t ", line[size - 1]) != NULL) size--;
        for (size_t i = 0; i < size; i++)
            if ((unsigned char)line[i] < ' ' && line[i] != '\t') return false;
        if (size == 0 || line[size - 1] == ':' || memchr(line, ':', size) == NULL) continue;
        put(request, line, size);
        put_text(request, "\r\n");
    }
    return true;
}

static bool put_header_file(const struct call *call, struct request *request, struct end *end)
{
    if (call->header_file == NULL) return true;
    char bytes[HEADER_FILE_MAX];
    struct stat info;
    int fd = open(call->header_file, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return fail_header(call, end);
    bool is_file = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    ssize_t length = is_file ? read_file(fd, bytes, sizeof bytes) : -1;
    close(fd);
    bool good = length >= 0 && put_header_lines(request, bytes, (size_t)length);
    explicit_bzero(bytes, sizeof bytes);
    return good || fail_header(call, end);
}

static bool put_request(const struct call *call, const struct body *body, struct request *request, struct end *end)
{
    char length[48];
    snprintf(length, sizeof length, "Content-Length: %zu\r\n", body->used);
    put_text(request, call->verb->method);
    put_text(request, " ");
    put_text(request, call->verb->path);
    if (call->verb->takes_id) put_id(request, call->id);
    put_text(request, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nUser-Agent: psi-lookup/" PSI_VERSION "\r\n");
    // By it PSI knows to give the reason of a refusal as its type.
    put_text(request, "X-Psi-Command: psi-lookup\r\n");
    if (call->verb->takes_body) put_text(request, length);
    if (!put_header_file(call, request, end)) return false;
    put_text(request, "\r\n");
    put(request, body->bytes, body->used);
    return !request->full || fail_broken(call, end, 55);
}

/* Podman's input of a store. One that is longer than anything PSI stores is read no further: PSI refuses it for that. */
static bool read_body(const struct call *call, struct body *body, struct end *end)
{
    while (call->verb->takes_body && body->used < sizeof body->bytes) {
        if (!is_ready(STDIN_FILENO, POLLIN, call->until)) return fail_late(call, end);
        ssize_t got = read(STDIN_FILENO, body->bytes + body->used, sizeof body->bytes - body->used);
        if (got == 0) break;
        if (got > 0) body->used += (size_t)got;
        else if (errno != EINTR && errno != EAGAIN) return fail_broken(call, end, 26);
    }
    return true;
}

/* The socket. */

enum place { IS_SOCKET, IS_ABSENT, IS_SOMETHING_ELSE };

static enum place look_at(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) return errno == ENOENT ? IS_ABSENT : IS_SOMETHING_ELSE;
    return S_ISSOCK(info.st_mode) ? IS_SOCKET : IS_SOMETHING_ELSE;
}

/* The descriptor, or -1 with errno. Where PSI is busy or is being started it waits in the socket's queue: EAGAIN is the end of that. */
static int try_connect(const struct call *call)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, call->socket, strlen(call->socket) + 1);
    int64_t left = call->until - now_ms();
    // Zero would be no limit.
    if (left <= 0) left = 1;
    struct timeval limit = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    bool limited = setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0;
    if (limited && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    int cause = errno;
    close(fd);
    errno = cause;
    return -1;
}

static bool fail_connect(const struct call *call, enum place place, int cause, struct end *end)
{
    const char *socket = call->socket;
    const char *user = user_flag(socket);
    if (cause == EAGAIN) return fail_late(call, end);
    if (place != IS_SOCKET)
        return fail(end, EXIT_NOBODY, 7, "psi: there is no socket at %s: run systemctl%s restart psi.socket", socket, user);
    if (cause == EACCES && access(socket, W_OK) != 0)
        return fail(end, EXIT_NOBODY, 7, "psi: no right to write to %s: run systemctl%s restart psi.socket", socket, user);
    return fail(end, EXIT_NOBODY, 7, "psi: nobody listens at %s, or this user may not call: run systemctl%s restart psi.socket",
                socket, user);
}

/*
 * A socket that nobody serves is one that is being replaced, and is waited for as long as an answer would be. One that is not there is
 * waited for likewise if it was there before, else for a moment. -1: `end` says why.
 */
static int open_connection(const struct call *call, bool was_there, struct end *end)
{
    for (;;) {
        enum place place = look_at(call->socket);
        errno = ENOENT;
        int fd = place == IS_SOCKET ? try_connect(call) : -1;
        if (fd >= 0) return fd;
        int cause = errno;
        was_there = was_there || place == IS_SOCKET;
        bool comes_back = cause == ECONNREFUSED || cause == EINTR || (cause == ENOENT && place != IS_SOMETHING_ELSE);
        int64_t until = was_there ? call->until : smaller(call->until, call->began + ABSENT_MS);
        if (!comes_back || now_ms() >= until) {
            fail_connect(call, place, cause, end);
            return -1;
        }
        pause_until(smaller(until, now_ms() + RETRY_MS));
    }
}

/* False: too late. A PSI that hung up may have said why before: what it sent is still there to be read. */
static bool send_request(const struct call *call, int fd, const struct request *request)
{
    for (size_t sent = 0; sent < request->used;) {
        if (!is_ready(fd, POLLOUT, call->until)) return false;
        ssize_t count = send(fd, request->bytes + sent, request->used - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count > 0) sent += (size_t)count;
        else if (errno != EINTR && errno != EAGAIN) break;
    }
    return true;
}

/* The answer. */

/* The length of the line at `at` without its end, and where the next one begins; 0: it is not whole. */
static size_t line_at(const struct answer *answer, size_t at, size_t *length)
{
    const char *line = answer->bytes + at;
    const char *newline = memchr(line, '\n', answer->used - at);
    if (newline == NULL) return 0;
    *length = (size_t)(newline - line);
    if (*length > 0 && line[*length - 1] == '\r') *length -= 1;
    return (size_t)(newline - answer->bytes) + 1;
}

/* Where the body begins; 0: not there yet. */
static size_t end_of_head(const struct answer *answer)
{
    size_t length = 0;
    for (size_t at = answer->begin; (at = line_at(answer, at, &length)) != 0;)
        if (length == 0) return at;
    return 0;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* The three digits of `HTTP/1.1 200 OK`; 0: it is no such line. */
static int status_in(const char *line, size_t length)
{
    if (length < 12 || memcmp(line, "HTTP/1.", 7) != 0 || !is_digit(line[7]) || line[8] != ' ') return 0;
    if (!is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11])) return 0;
    if (length > 12 && line[12] != ' ') return 0;
    return (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
}

/* A number and nothing else. False: it is none, none that a value has, or not the one that another line of the head gave. */
static bool take_length(struct answer *answer, const char *value, size_t length)
{
    size_t number = 0;
    if (length == 0 || length > LENGTH_DIGITS_MAX) return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(value[i])) return false;
        number = number * 10 + (size_t)(value[i] - '0');
    }
    if (answer->has_length && answer->length != number) return false;
    answer->has_length = true;
    answer->length = number;
    return true;
}

/* PSI gives its reason as the type of a refusal. It goes to a journal that people read on a terminal. */
static void take_reason(struct answer *answer, const char *value, size_t length)
{
    size_t size = length < REASON_MAX ? length : REASON_MAX;
    for (size_t i = 0; i < size; i++) answer->reason[i] = value[i] >= ' ' && value[i] <= '~' ? value[i] : '?';
    answer->reason[size] = '\0';
}

static bool take_header(struct answer *answer, const char *line, size_t length)
{
    const char *colon = memchr(line, ':', length);
    if (colon == NULL) return length == 0;
    size_t name = (size_t)(colon - line);
    const char *value = colon + 1;
    size_t size = length - name - 1;
    for (; size > 0 && (*value == ' ' || *value == '\t'); value++) size--;
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t')) size--;
    if (name == 14 && strncasecmp(line, "content-length", name) == 0) return take_length(answer, value, size);
    if (name == 12 && strncasecmp(line, "content-type", name) == 0) take_reason(answer, value, size);
    if (name == 17 && strncasecmp(line, "transfer-encoding", name) == 0) answer->is_coded = true;
    return true;
}

/* False: it is no head that PSI sends. */
static bool read_head(struct answer *answer)
{
    size_t length = 0;
    size_t next = line_at(answer, answer->begin, &length);
    answer->http = status_in(answer->bytes + answer->begin, length);
    bool good = answer->http >= 100;
    while (good && next < answer->body) {
        size_t at = next;
        next = line_at(answer, at, &length);
        good = take_header(answer, answer->bytes + at, length);
    }
    return good && memchr(answer->bytes + answer->begin, '\0', answer->body - answer->begin) == NULL;
}

static bool begins_as_http(const struct answer *answer)
{
    static const char start[] = "HTTP/";
    size_t known = answer->used - answer->begin;
    size_t size = known < sizeof start - 1 ? known : sizeof start - 1;
    return memcmp(answer->bytes + answer->begin, start, size) == 0;
}

static enum verdict judge_head(struct answer *answer)
{
    if (!begins_as_http(answer)) return NO_HTTP;
    size_t body = end_of_head(answer);
    if ((body == 0 ? answer->used : body) > HEAD_MAX) return STRANGE;
    if (body == 0) return MORE;
    answer->body = body;
    return read_head(answer) ? WHOLE : STRANGE;
}

/* An answer that is followed by another: only that one counts. */
static void skip_head(struct answer *answer)
{
    answer->begin = answer->body;
    answer->body = 0;
    answer->has_length = false;
    answer->is_coded = false;
    answer->reason[0] = '\0';
}

/* PSI gives each answer a length, so one without, or in chunks, is none of its own. */
static enum verdict judge(struct answer *answer)
{
    while (answer->body == 0) {
        enum verdict verdict = judge_head(answer);
        if (verdict != WHOLE) return verdict;
        if (answer->http == SWITCHING_PROTOCOLS) return STRANGE;
        if (answer->http < 200) skip_head(answer);
    }
    if (answer->http >= 400) return REFUSED;
    if (answer->http != 200 || answer->is_coded || !answer->has_length) return STRANGE;
    if (answer->length > BODY_MAX) return TOO_LARGE;
    return answer->used - answer->body >= answer->length ? WHOLE : MORE;
}

/* What it is when no more comes. */
static enum verdict judge_end(const struct answer *answer)
{
    return answer->used == 0 ? EMPTY : CUT;
}

static enum verdict read_answer(const struct call *call, int fd, struct answer *answer)
{
    enum verdict verdict = MORE;
    while (verdict == MORE) {
        if (answer->used == sizeof answer->bytes) return STRANGE;
        if (!is_ready(fd, POLLIN, call->until)) return LATE;
        ssize_t got = recv(fd, answer->bytes + answer->used, sizeof answer->bytes - answer->used, MSG_DONTWAIT);
        if (got == 0) return judge_end(answer);
        if (got > 0) {
            answer->used += (size_t)got;
            verdict = judge(answer);
        } else if (errno != EINTR && errno != EAGAIN) {
            return answer->used == 0 ? EMPTY : RESET;
        }
    }
    return verdict;
}

static void wipe(struct answer *answer)
{
    explicit_bzero(answer, offsetof(struct answer, bytes) + answer->used);
}

static bool fail_refused(const struct answer *answer, struct end *end)
{
    if (answer->reason[0] == '\0')
        return fail(end, EXIT_REFUSED, 22, "psi: refused without a reason (HTTP status %d)", answer->http);
    return fail(end, EXIT_REFUSED, 22, "%s", answer->reason);
}

static bool conclude(const struct call *call, const struct answer *answer, enum verdict verdict, struct end *end)
{
    switch (verdict) {
    case WHOLE:
        return true;
    case REFUSED:
        return fail_refused(answer, end);
    case LATE:
        return fail_late(call, end);
    case TOO_LARGE:
        return fail(end, EXIT_TOO_LARGE, 63, "psi: the answer is larger than %d bytes: left to curl", BODY_MAX);
    case NO_HTTP:
        return fail_broken(call, end, 1);
    case CUT:
        return fail_broken(call, end, 18);
    case EMPTY:
        return fail_broken(call, end, 52);
    case RESET:
        return fail_broken(call, end, 56);
    default:
        return fail_broken(call, end, 8);
    }
}

/* Asks again where PSI hung up without a word: it did not begin to answer. */
static bool ask(const struct call *call, const struct body *body, struct request *request, struct answer *answer, struct end *end)
{
    enum verdict verdict = EMPTY;
    for (int times = 0; verdict == EMPTY && times <= HANG_UPS_MAX; times++) {
        if (times > 0) pause_until(smaller(call->until, now_ms() + RETRY_MS * times));
        int fd = open_connection(call, times > 0, end);
        if (fd < 0) return false;
        bool made = request->used > 0 || put_request(call, body, request, end);
        if (made) verdict = send_request(call, fd, request) ? read_answer(call, fd, answer) : LATE;
        close(fd);
        if (!made) return false;
    }
    return conclude(call, answer, verdict, end);
}

/* The value. */

/*
 * Who runs this program has the file open, too, and reads on where this one stopped: so it knows, however this one ends, whether a part of
 * the value may be there.
 */
static bool tell_begun(const struct call *call, struct end *end)
{
    char bytes[BEGUN_FILE_MAX];
    if (call->begun == 0 || read_file((int)call->begun, bytes, sizeof bytes) >= 0) return true;
    return fail(end, EXIT_USAGE, 2, "psi: no file ends at descriptor %ld: left to curl", call->begun);
}

static bool write_answer(const struct answer *answer, struct end *end)
{
    int64_t until = now_ms() + WRITE_MS;
    for (size_t written = 0; written < answer->length;) {
        size_t size = answer->length - written;
        if (size > CHUNK_MAX) size = CHUNK_MAX;
        bool ready = is_ready(STDOUT_FILENO, POLLOUT, until);
        ssize_t count = ready ? write(STDOUT_FILENO, answer->bytes + answer->body + written, size) : -1;
        if (count > 0) written += (size_t)count;
        else if (!ready || (errno != EINTR && errno != EAGAIN))
            return fail(end, EXIT_NOT_WRITTEN, 23, "psi: podman does not take the value: start the workload again");
    }
    return true;
}

static bool run(const struct call *call, struct end *end)
{
    // Of a fixed size and of no other life than the process: nothing is ever allocated.
    static struct answer answer;
    static struct request request;
    static struct body body;
    bool good = read_body(call, &body, end) && ask(call, &body, &request, &answer, end);
    explicit_bzero(&body, sizeof body);
    explicit_bzero(&request, sizeof request);
    if (good && call->verb->prints) good = tell_begun(call, end) && write_answer(&answer, end);
    wipe(&answer);
    if (good) end->status = EXIT_DONE;
    return good;
}

/* What is left in the journal. */

static void say(int fd, const char *text)
{
    ssize_t ignored = write(fd, text, strlen(text));
    (void)ignored;
}

/* The reason of the failed starts, and what to run: the first two lines of the file. */
static void say_marker(int errors, int fd)
{
    char text[2 * MARKER_LINE_MAX + 64];
    char bytes[2 * MARKER_LINE_MAX + 64] = {0};
    char *rest = bytes;
    ssize_t got = read(fd, bytes, sizeof bytes - 1);
    if (got <= 0) return;
    const char *reason = strsep(&rest, "\n");
    const char *next = rest == NULL ? "" : strsep(&rest, "\n");
    snprintf(text, sizeof text, "psi: %.*s %.*s", MARKER_LINE_MAX, reason, MARKER_LINE_MAX, next);
    blank_controls(text);
    say(errors, text);
    say(errors, "\n");
}

static void report(const struct call *call, struct end *end)
{
    char more[128];
    snprintf(more, sizeof more, " (%s failed, status %d; more: journalctl%s -u psi.service)", call->verb->name, end->curl,
             user_flag(call->socket));
    // What is left to curl has not failed yet.
    bool is_final = end->status >= EXIT_DONE;
    int fd = is_final ? (int)call->errors : STDERR_FILENO;
    blank_controls(end->cause);
    say(fd, end->cause);
    say(fd, is_final ? more : "");
    say(fd, "\n");
    // Not after a refusal: a PSI that answers has started.
    int marker = end->status == EXIT_REFUSED || !is_final ? -1 : open_marker(call);
    if (marker < 0) return;
    say_marker(fd, marker);
    close(marker);
}

/* The command line. */

static const char USAGE[] =
    "usage: psi-lookup lookup|store|delete|list|health [--socket PATH] [--header FILE] [--max-time SECONDS]\n"
    "       [--errors-to DESCRIPTOR] [--begun DESCRIPTOR]\n"
    "       psi-lookup --version\n";

static int usage(void)
{
    say(STDERR_FILENO, USAGE);
    return EXIT_USAGE;
}

static const struct verb *verb_of(const char *name)
{
    for (size_t i = 0; i < sizeof VERBS / sizeof *VERBS; i++)
        if (strcmp(VERBS[i].name, name) == 0) return &VERBS[i];
    return NULL;
}

static bool take_number(const char *text, long most, long *number)
{
    char *end = NULL;
    *number = strtol(text, &end, 10);
    return end != text && *end == '\0' && *number >= 1 && *number <= most;
}

static bool take_option(struct call *call, const char *name, const char *value)
{
    if (value == NULL) return false;
    if (strcmp(name, "--max-time") == 0) return take_number(value, SECONDS_MAX, &call->seconds);
    if (strcmp(name, "--errors-to") == 0) return take_number(value, DESCRIPTOR_MAX, &call->errors);
    if (strcmp(name, "--begun") == 0) return take_number(value, DESCRIPTOR_MAX, &call->begun);
    // A longer one cannot be called.
    if (strcmp(name, "--socket") == 0) call->socket = strlen(value) < sizeof((struct sockaddr_un *)0)->sun_path ? value : NULL;
    else if (strcmp(name, "--header") == 0) call->header_file = value;
    else return false;
    return call->socket != NULL;
}

static bool read_arguments(struct call *call, int count, char **words)
{
    call->verb = count < 2 ? NULL : verb_of(words[1]);
    call->id = getenv("SECRET_ID");
    if (call->id == NULL) call->id = "";
    bool good = call->verb != NULL && strlen(call->id) <= ID_MAX;
    for (int i = 2; good && i < count; i += 2) good = take_option(call, words[i], i + 1 < count ? words[i + 1] : NULL);
    return good;
}

/*
 * Where something waits that has no end of its own, such as a file on a disk that hangs, or a line for somebody who reads none. The signal
 * stays uncaught: so it ends waits in the kernel, too.
 */
static void end_in_time(const struct call *call)
{
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    signal(SIGALRM, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &alarms, NULL);
    alarm((unsigned)(call->seconds + WRITE_MS / 1000 + SECONDS_OVER));
}

static void start(struct call *call)
{
    end_in_time(call);
    int marker = open_marker(call);
    if (marker >= 0) {
        close(marker);
        call->seconds = smaller(call->seconds, SECONDS_AFTER_FAILED_STARTS);
    }
    call->began = now_ms();
    call->until = call->began + call->seconds * 1000;
}

int main(int count, char **words)
{
    struct call call = {.socket = "/run/psi/psi.sock", .seconds = SECONDS_DEFAULT, .errors = STDERR_FILENO};
    struct end end = {0};
    // No core file and no other process of this user gets to see a value.
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    signal(SIGPIPE, SIG_IGN);
    if (count == 2 && strcmp(words[1], "--version") == 0) {
        ssize_t size = sizeof "psi-lookup " PSI_VERSION "\n" - 1;
        return write(STDOUT_FILENO, "psi-lookup " PSI_VERSION "\n", (size_t)size) == size ? 0 : 1;
    }
    if (!read_arguments(&call, count, words)) return usage();
    start(&call);
    bool good = run(&call, &end);
    if (!good) report(&call, &end);
    if (strcmp(call.verb->name, "health") == 0) return good ? 0 : 1;
    return end.status;
}
