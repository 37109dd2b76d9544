// What to do about each kind of problem, in one table so that the wording can be reviewed. The codes are public: `--json` prints them.

import { WITHOUT_SECRETS } from '../../core/quadlet-kinds.ts';

const HINTS = {
  NO_FILE: 'create it (docs/config.example.yaml shows every key), or name another one with `--config` or PSI_CONFIG',
  UNREADABLE: 'run psi as the owner of the file, or correct its mode: `chmod 0600`, `chown root:root`',
  EMPTY_FILE: 'fill it in: docs/config.example.yaml shows every key',
  NOT_UTF8: 'save the file as UTF-8',
  SYNTAX: 'check quotes, brackets and indentation on this line and the one above; indent with blanks, never with tabs',
  DUPLICATE_KEY: 'merge the two, or remove one',
  UNKNOWN_KEY: 'remove it, or look its name up in docs/config.example.yaml',
  UNSUPPORTED_PROVIDER:
    'name it after its kind, or say which `kind` it is; PKCS#11 settings for the cache go under cache.hsm',
  MISSING_KEY: 'add it here',
  WRONG_TYPE: 'check the indentation: a map is `key: value` lines, a list is `- item` lines',
  NOT_A_CHOICE: 'use one of the words listed',
  BAD_BOOLEAN: 'write true or false, without quotes (yes, no, on and off are text in YAML 1.2)',
  BAD_NUMBER: 'write a plain number within the limits',
  BAD_DURATION: 'write a number and a unit (ms, s, m, h, d, w) such as 30s or 1h30m; a bare number counts seconds',
  BAD_SIZE: 'write a whole number and a unit (KB, MB, GB) such as 64MB; a bare number counts bytes',
  BAD_TTL: 'write a number and a unit, m, h or d, such as 90d',
  BAD_TEXT: 'write one line of text; put it in quotes if it looks like a number, a date or true or false',
  BAD_PATH: 'write the whole path from `/`, without `~` and without `..`',
  SOCKET_PATH_TOO_LONG: 'use a shorter path: the kernel takes 107 bytes for a socket',
  BAD_FOLDER: 'write the folder as the provider shows it, such as /myapp/db, without `.` and `..`',
  BAD_URL: 'write scheme and host, such as https://secrets.example.com, without user, password or query',
  BAD_PROXY:
    'write http://HOST:PORT, or none to go without; an address with a password goes into {credential: NAME} or {file: /path}',
  INSECURE_URL:
    'use https; secrets and the client secret would cross the network readable (`allow_http: true` beside api_url accepts that)',
  BAD_WORKLOAD_NAME:
    'use letters, digits, `.`, `_` and single `-` (`name--KEY` becomes the name of the Podman secret), and `@` at the end for a template',
  BAD_NAME: 'use letters, digits, `.`, `_` and `-`, beginning with a letter or digit',
  BAD_UNIT_FILE: 'name the Quadlet file without its folder, such as myapp.container or worker@.container',
  POD_UNIT: WITHOUT_SECRETS.pod,
  KUBE_UNIT: WITHOUT_SECRETS.kube,
  BAD_UNIT: 'name a systemd unit with its suffix, such as network-online.target',
  QUADLET_FILE_NAME:
    'systemd knows the generated unit: db.container becomes db.service, data.volume becomes data-volume.service',
  BAD_PATTERN: 'match keys with * and ?, such as DB_*; to leave keys out, list them under exclude',
  BAD_PREFIX: 'use letters, digits and `_`, not beginning with a digit',
  BAD_MODE: 'write three octal digits in quotes, such as "0400" (YAML reads a bare 0400 as four hundred)',
  MODE_WITHOUT_MOUNT: 'add `as: mount`, or remove it: a variable has no mode and no owner',
  KEYS_ALONE:
    'remove it, or write a second source of the same path with it: a source with `keys` takes just those (mode and owner stand beside `file`)',
  NO_KEYS: 'name at least one; without `keys` a source takes the whole folder',
  BAD_KEY: 'write the key as the provider shows it, in quotes if it looks like a number or holds a colon',
  BAD_VARIABLE:
    'write the name of the variable (no blank, comma, quote, `=`, `/` or backslash), {file: /path}, or a list of them',
  BAD_TARGET:
    'write the path without `.` and `..`, commas and line ends; without `/` in front it is below /run/secrets',
  TARGET_TAKEN: 'each variable and each file can hold one secret: give one of the two another name, or remove it',
  BAD_SECRET_FIELD: 'put text in quotes, or refer to it: {file: /path}, {env: NAME} or {credential: NAME}',
  BAD_ENV_NAME: 'use letters, digits and `_`, not beginning with a digit',
  BAD_TOKEN_SOURCE:
    'refer to the token: {file: /path}, {credential: NAME}, {env: NAME} or {command: [program, argument]}',
  BAD_COMMAND: 'write program and arguments, as a list or as one line; no shell runs it, so no `&&`, `|` or `>`',
  BAD_HEADER:
    'use a header name of letters, digits and `-`; authorization, host, cookie and the content headers are set by psi',
  BAD_HEX: 'write hex digits in pairs and in quotes, such as "02"',
  BAD_PCR: 'name PCRs by number, 0 to 23',
  UNKNOWN_PROVIDER: 'name a provider that is configured under providers',
  UNKNOWN_PROJECT: "name a project that is configured under the provider's projects",
  NO_AUTH: 'add auth to this project, or one auth for all under the provider',
  UNIT_OF_PATTERN: 'remove it: "*" holds for many units; one with a name of its own gets an entry of its own',
  NO_PLACEHOLDER:
    'write it into one path at least, such as path: "/{workload}" (in quotes): the quadlets whose folder is there get its secrets',
  UNKNOWN_PLACEHOLDER: 'write {workload}, which stands for the name of the quadlet, or the folder itself',
  PLACEHOLDER_ELSEWHERE:
    'write the text itself: {workload} stands for the name of a quadlet in the `path` of a source of the workload "*", and nowhere else',
  UNIT_TAKEN: 'list all sources of one unit under one workload: each unit has one drop-in',
  SAME_PATH: 'give each its own path',
  HSM_MISSING: 'add `hsm: {module: /path/to/pkcs11.so, ...}` under cache',
  BAD_RECOVERY_KEY:
    'write the line `# public key: age1…` that `age-keygen` prints, whole: 62 characters with a checksum (no post-quantum key, no plugin)',
  PRIVATE_RECOVERY_KEY:
    'that is the private half, which opens every cache: keep it off this host, make a new pair, and write its public half, `age1…`',
  RECOVERY_ALONE: 'add `backend: tpm`, `hsm` or `credential`: a recovery key opens nothing by itself at a start',
  RECOVERY_OR_NONE:
    'name the public half of a recovery key, or write `recovery: none` if the values may be lost with this host',
  SEALED_TWICE: 'remove one of the two: a host has one folder of sealed secrets',
  SEALED_WITHOUT_BACKEND:
    'add `cache: {backend: tpm}`, `hsm` or `credential`: what opens the cache at each start opens the sealed secrets too',
  OWN_PROVIDER:
    'values that are on this host have no folders: register one with `podman exec -i psi psi sealed store NAME`, and write `Secret=NAME` into the quadlet',
  RECIPIENT_TWICE: 'remove one of the two',
  TOO_MANY_RECIPIENTS: 'remove those that nobody keeps any more',
  RENEW_TOO_EARLY:
    'make renew_before two thirds of ttl at most: psi renews nothing before a third of its life has passed',
  RENEW_TOO_LATE:
    'make ttl and renew_before longer: psi-tls-renew.timer looks once in two minutes at most, and the certificate may end between two looks',
} as const;

export type IssueCode = keyof typeof HINTS;

/** An error refuses the file; a warning is told and stops nothing. */
export type Severity = 'error' | 'warning';

/** What works, if not as it was meant. Every check that is new belongs here too, unless what it finds could never work. */
const WARNINGS: ReadonlySet<IssueCode> = new Set<IssueCode>([
  'MODE_WITHOUT_MOUNT',
  'RENEW_TOO_EARLY',
  'RENEW_TOO_LATE',
]);

export function severityOf(code: IssueCode): Severity {
  return WARNINGS.has(code) ? 'warning' : 'error';
}

export const ISSUE_CODES = Object.keys(HINTS) as readonly IssueCode[];

export function hintFor(code: IssueCode, suggestion?: string): string {
  return suggestion === undefined ? HINTS[code] : `did you mean ${suggestion}? ${HINTS[code]}`;
}

/** The nearest of the words within an edit distance of 2, if less than half of the word has to change. */
export function suggest(text: string, words: Iterable<string>): string | undefined {
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const word of words) {
    // Longer texts cannot be within reach, and the cost grows with the product of the lengths.
    if (Math.abs(word.length - text.length) > 2) continue;
    const distance = editDistance(text.toLowerCase(), word.toLowerCase());
    if (distance <= 2 && distance * 2 < word.length && distance < (best?.distance ?? 3)) best = { word, distance };
  }
  return best?.word;
}

/** Insertions, deletions, replacements and swaps of neighbours (tmp → tpm is one step). */
function editDistance(a: string, b: string): number {
  let before: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const steps = [
        at(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1),
        at(row, j) + 1,
        at(next, j - 1) + 1,
        a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(before, j - 2) + 1 : Infinity,
      ];
      next.push(Math.min(...steps));
    }
    before = row;
    row = next;
  }
  return at(row, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
