// What goes wrong between PSI and Podman, as PsiError with a next step. Podman answers nearly everything with 500, so refusals are told
// apart by the `cause` in the body; curl's exit status tells why a driver command failed.

import { PsiError, type ErrorInit } from '../../core/error.ts';
import { blanked } from '../../core/text/visible.ts';
import { decodeRefusal } from './codec.ts';

/** As much of an answer as a refusal needs. */
type Answer = { readonly status: number; readonly body: Buffer };

export type Connection = { readonly socketPath: string; readonly timeoutMs: number; readonly timedOut: boolean };

/** Nobody took the call, or nobody is going to answer it: the next one would end like it. */
const AWAY = { answered: false } as const;

/** No complete answer: the socket, its rights, or the time limit. */
export function connectionFailure(thrown: unknown, connection: Connection): PsiError {
  const { socketPath, timeoutMs, timedOut } = connection;
  const host = (message: string, init: ErrorInit): PsiError =>
    new PsiError('HOST', message, { ...init, cause: thrown });
  if (timedOut) {
    return host(`podman did not answer on ${socketPath} within ${String(timeoutMs)} ms`, {
      hint: 'another podman command may hold its lock: see `ps -ef | grep podman` and `journalctl -u podman.service`',
      retry: 'later',
      details: AWAY,
    });
  }
  if (thrown instanceof Error && thrown.message.startsWith('Max redirects exceeded')) {
    return host(`what answers on ${socketPath} is no podman: it redirects`, {
      hint: 'set `podman_socket` in the config to the socket of podman.socket',
    });
  }
  const start = `\`systemctl${socketPath.startsWith('/run/user/') ? ' --user' : ''} enable --now podman.socket\` on the host`;
  const code = thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : 'UNKNOWN';
  switch (code) {
    case 'ENOENT':
      return host(`podman's API socket is not there: ${socketPath}`, {
        hint: `${start}; in the container mount its folder (/run/podman), not the socket file`,
        retry: 'later',
        details: AWAY,
      });
    case 'ECONNREFUSED':
      return host(`nobody answers on podman's API socket ${socketPath}`, {
        hint: `${start}; a socket file mounted into the container instead of its folder goes stale`,
        retry: 'later',
        details: AWAY,
      });
    case 'EACCES':
    case 'EPERM':
      return host(`no permission to use podman's API socket ${socketPath}`, {
        hint: 'psi has to run as the user whose podman this is (root for /run/podman); with SELinux it needs `SecurityLabelDisable=true`',
      });
    default:
      return host(`the connection to podman on ${socketPath} broke (${code})`, {
        hint: 'see `journalctl -u podman.service`',
        retry: 'later',
      });
  }
}

// A failed delete command has the same cause; only the message tells the two apart.
const NO_SUCH_SECRET = /^no such secret$/;
const DELETE_FAILED = /^deleting secret /;

/** Podman says that there is no such secret, as opposed to no such path. */
export function isMissing(answer: Answer): boolean {
  const body = answer.status === 404 ? decodeRefusal(answer.body.toString('utf8')) : undefined;
  return body !== undefined && NO_SUCH_SECRET.test(body.cause) && !DELETE_FAILED.test(body.message);
}

/** An answer that is not the expected one. `what` completes "podman could not …". */
export function refusal(what: string, answer: Answer): PsiError {
  const text = answer.body.toString('utf8');
  const body = decodeRefusal(text);
  if (!body) {
    return new PsiError('HOST', `podman could not ${what}: status ${String(answer.status)} without a reason`, {
      hint: 'is `podman_socket` in the config the socket of podman itself? see `journalctl -u podman.service`',
      retry: answer.status >= 500 ? 'later' : 'no',
      details: { status: answer.status },
    });
  }
  const { cause, message } = body;
  const details = { status: answer.status, cause: oneLine(cause) };
  const exit = /^exit status (\d+)$/.exec(cause)?.[1];
  if (exit !== undefined) {
    return new PsiError('HOST', `podman could not ${what}: its driver command failed (${curlExit(exit)})`, {
      hint: `${CURL_REMEDIES[exit] ?? ''}the reason is in \`journalctl -u psi.service\` and \`journalctl -u podman.service\``,
      retry: HOPELESS.includes(exit) ? 'no' : 'later',
      details,
    });
  }
  if (DELETE_FAILED.test(message)) {
    return new PsiError('HOST', `podman could not ${what}: the secret's delete command failed`, {
      hint: 'the reason is in `journalctl -u psi.service`',
      retry: 'later',
      details,
    });
  }
  const known = KNOWN.find(({ match }) => match.test(cause));
  if (known) return new PsiError(known.code, `podman could not ${what}: ${known.text}`, { ...known.init, details });
  return new PsiError('HOST', `podman could not ${what}: ${oneLine(message)}`, {
    hint: 'see `journalctl -u podman.service`',
    retry: answer.status >= 500 ? 'later' : 'no',
    details,
  });
}

type Known = {
  readonly match: RegExp;
  readonly code: 'HOST' | 'CONFLICT';
  readonly text: string;
  readonly init: ErrorInit;
};

const KNOWN: readonly Known[] = [
  {
    match: /^secret name in use$/,
    code: 'CONFLICT',
    text: 'the name is in use',
    init: { hint: 'look at it with `podman secret ls`; the next `psi setup` sees it' },
  },
  {
    match: NO_SUCH_SECRET,
    code: 'HOST',
    text: 'it has no such secret',
    init: { hint: 'look with `podman secret ls`, then run `psi setup` again', retry: 'now' },
  },
  {
    match: /^invalid secret name$/,
    code: 'HOST',
    text: 'it does not accept the name',
    init: {
      hint: 'before 4.7 podman takes letters, digits, `-`, `_` and `.` only, at most 64 of them (253 from 4.6 on)',
    },
  },
  {
    match: /^secret data must be /,
    code: 'HOST',
    text: 'the body is empty or too large',
    init: { hint: 'podman stores 1 to 511999 bytes' },
  },
  {
    match: /^(?:invalid driver$|missing config value$|invalid shell driver option)/,
    code: 'HOST',
    text: 'it does not accept the driver or its options',
    // Before 5.8.2 a `driver=file` create leaves its `path` behind in the running service, and every shell create fails from then on.
    init: { hint: '`systemctl restart podman.service` and try again; psi needs the `shell` secret driver' },
  },
];

const CURL_EXITS: Readonly<Record<string, string>> = {
  '6': 'the address in it is wrong',
  '7': 'psi does not answer on its socket',
  '22': 'psi refused it',
  '28': 'psi did not answer in time',
  '56': 'psi broke the connection',
  '126': 'the curl of the host does not run',
  '127': 'curl is not installed on the host',
};

/** What to run first, where that is known before the reason is. */
const CURL_REMEDIES: Readonly<Record<string, string>> = {
  '7': '`systemctl restart psi.socket`; ',
  '126': 'install curl on the host; ',
  '127': 'install curl on the host; ',
};

/** What the same command will end with again: an address or a refusal that stays, a program that is not there or cannot be run. */
const HOPELESS: readonly string[] = ['3', '6', '22', '126', '127'];

function curlExit(status: string): string {
  const reason = CURL_EXITS[status];
  return reason === undefined ? `exit status ${status}` : `exit status ${status}: ${reason}`;
}

const MAX_TEXT = 300;

/** Podman's own words on one line: they can hold names, and names can hold anything. */
function oneLine(text: string): string {
  return blanked(text).slice(0, MAX_TEXT);
}
