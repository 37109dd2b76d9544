// The lookup command: the helper, or where there is none that works curl; how long that waits for PSI, and the line that a failure leaves in
// the journal of the workload. Podman itself only says "no such secret", whatever the cause was.

import { askHelper, helperSetting } from './helper-call.ts';
import { callFlags, pathWord, REASON, unitCommands, type DriverCommandInput } from './curl-call.ts';

/**
 * Two lines, for a shell reads the second one only where the first has not ended the command: with a helper that works, most of the text
 * costs a start nothing. While all is well only builtins of the shell run beside the helper, or curl. The first line is a function of the name
 * curl because each earlier PSI knows its commands by their first word: after a downgrade it would take the secret for somebody else's.
 */
export function lookupCommand(input: DriverCommandInput): string {
  const call = `curl --unix-socket ${pathWord(input.socket)} "http://localhost/lookup/$SECRET_ID"`;
  // Earlier ones look for a space behind it.
  const first = `curl () { ${[settings(input), askHelper(input)].join('; ')}; }; ${call} `;
  const second = [whatToRun(input.socket), MAX_TIME, ask(input), say(input.socket), SAY_MARKER, 'exit $c'];
  return `${first}\n${second.join('; ')}`;
}

/** What psi.service leaves beside its socket when it fails to start for the third time: the reason, and what to run. */
export function startFailedPath(socket: string): string {
  return `${socket.slice(0, socket.lastIndexOf('/'))}/start-failed`;
}

/**
 * `$s` the socket, `$u` what to ask there, `$t` how many seconds to wait, `$h` the file with the token, `$p` the helper, `$q` what to run,
 * `$e` the cause of a failure.
 */
function settings(input: DriverCommandInput): string {
  const { socket, maxTimeSeconds, headerFile } = input;
  const header = headerFile === undefined ? [] : [`h=${pathWord(headerFile)}`];
  const run = `q="run ${unitCommands(socket).systemctl} status psi.service"`;
  return ['s=$2 u=$3', `t=${String(maxTimeSeconds)}`, ...header, helperSetting(input), run, 'e='].join(' ');
}

/** `$m` the marker of failed starts, `$r` what to run where nobody listens. */
function whatToRun(socket: string): string {
  return `m=${pathWord(startFailedPath(socket))} r="run ${unitCommands(socket).systemctl} restart psi.socket"`;
}

/** Of curl: the helper looks for the marker itself. Long enough for a PSI that is there. A marker that was left behind costs no more than that. */
const MAX_TIME = '[ ! -f "$m" ] || t=2';

/** Those that stop at the status line of a refusal, as `curl -V` names itself: before 7.76. */
const SHOWS_NO_REASON = '"curl 7."[1-6]?.*|"curl 7.7"[0-5].*';

/** Not after a failure of the helper. Ends the command with the value, or has set `$c` to the exit status and `$e` to the cause. */
function ask(input: DriverCommandInput): string {
  const token = input.headerFile === undefined ? undefined : '"@$h"';
  return [
    `[ "$e" ] || if [ ! -S "$s" ]; then c=7 e="psi: there is no socket at $s: $r"`,
    `elif [ ! -w "$s" ]; then c=7 e="psi: no right to write to $s: $r"`,
    `else command curl ${callFlags(token)} --max-time $t --unix-socket "$s" ${REASON} "$u" && exit`,
    `c=$? e=`,
    `case $c in 7) e="psi: nobody listens at $s, or this user may not call: $r";`,
    `22) v=$(command curl -q -V)`,
    `case $v in ${SHOWS_NO_REASON}) e="psi: refused, and \${v%% (*} is too old to show why (before 7.63 that is why): update curl";`,
    `esac;`,
    ...(input.headerFile === undefined ? [] : [`26) e="psi: curl cannot read $h: run podman exec psi psi setup";`]),
    `28) e="psi: no answer at $s within $t s: $q";`,
    `126|127) e="psi: no curl on this host that runs: install curl";`,
    `*) e="psi: the call at $s broke off: $q";`,
    `esac`,
    `fi`,
  ].join('; ');
}

/** After a refusal the reason of PSI stands in front of it, as curl printed it. */
function say(socket: string): string {
  const { journalctl } = unitCommands(socket);
  return `printf '%s\\n' "$e (lookup failed, status $c; more: ${journalctl})" >&2`;
}

/** Not after a refusal: a PSI that answers has started. */
const SAY_MARKER =
  'if [ $c != 22 ] && [ -f "$m" ]; then a= b=; { read -r a; read -r b; } <"$m"; ' +
  `printf 'psi: %.400s %.400s\\n' "$a" "$b" >&2; fi`;
