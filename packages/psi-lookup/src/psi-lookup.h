/*
 * How psi-lookup ends. Podman's command runs it first and curl where it does not work, so every end of its own has a number that no shell,
 * signal or empty file gives: an empty program ends with 0, one that cannot run with 126 or 127, a crash with 128 and more.
 *
 * These seven are final. What was to be done is done, or cannot be done, and the reason is on stderr: curl could do no better, and
 * would only wait a second time while Podman holds its lock. So is SIGALRM, with which the program ends itself where it hangs. After any
 * other status curl is to be asked, but where a signal ended it after it began to write: --begun tells that.
 *
 * `health` alone ends with 0 (PSI serves) or 1, as health checks want it.
 */
#ifndef PSI_LOOKUP_H
#define PSI_LOOKUP_H

enum exit_status {
    /* The whole answer is on stdout. */
    EXIT_DONE = 90,
    /* PSI refused, and its reason is on stderr. curl: 22. */
    EXIT_REFUSED = 91,
    /* No socket, no right to use it, or nobody behind it. curl: 7. */
    EXIT_NOBODY = 92,
    /* No whole answer in time. curl: 28. */
    EXIT_LATE = 93,
    /* The answer is cut or none of PSI's. curl: 1, 8, 18, 52 or 56. */
    EXIT_BROKEN = 94,
    /* The file with the socket's token cannot be read. curl: 26. */
    EXIT_NO_HEADER = 95,
    /* Nobody takes the answer from stdout. Some of it may be there. curl: 23. */
    EXIT_NOT_WRITTEN = 96,

    /* Not final: curl is to be asked. */
    EXIT_USAGE = 64,
    EXIT_TOO_LARGE = 65,
};

#endif
