// The four shell commands that Podman freezes into every secret, and how to recognise them. A changed text is a planned replace of
// each registered secret, so nothing that rotates stands in here: the token is read from a file when the command runs.

import type { DriverOptions } from '../registered-secret.ts';
import {
  callFlags,
  headerWord,
  holdsMark,
  pathWord,
  REASON,
  unitCommands,
  type DriverCommandInput,
} from './curl-call.ts';
import { headerFilePath } from './header-file.ts';
import { helperPath } from './helper-call.ts';
import { lookupCommand } from './lookup-command.ts';

/**
 * The lookup alone is tried by the helper. A store reads its mapping from a pipe, which is gone where the helper ended after it read it; a
 * delete has to be answered by whatever stands for `curl` where PSI is uninstalled without its image (host/command/uninstall.ts); and neither
 * runs at the start of a container. `--max-time`: Podman sets no limit of its own and holds a host-wide lock while a command runs. */
export function driverOptions(input: DriverCommandInput): DriverOptions {
  const { socket, maxTimeSeconds } = input;
  const call = `curl ${callFlags(headerWord(input))} --max-time ${String(maxTimeSeconds)} --unix-socket ${pathWord(socket)}`;
  return {
    lookup: lookupCommand(input),
    store: `${call} ${REASON} --data-binary @- "http://localhost/store/$SECRET_ID" ${orSay('store', socket)}`,
    delete: `${NO_ID} ${call} ${REASON} -X DELETE "http://localhost/delete/$SECRET_ID" ${orSay('delete', socket)}`,
    list: `${call} http://localhost/list`,
  };
}

/**
 * Podman asks with an empty id where it replaces a name that is new. It has to fail, or Podman removes another secret; and Podman goes on and
 * stores: a line on stderr would speak of a failure that is none.
 */
const NO_ID = '[ $SECRET_ID ] || exit 22;';

/** Only the lookup tells each cause apart: it runs at the starts of others, and these four stand in each secret of Podman's database. */
function orSay(what: string, socket: string): string {
  const { systemctl, journalctl } = unitCommands(socket);
  const line = `$e (${what} failed, status $c; more: ${journalctl})`;
  const elsewhere = `psi: no answer: run ${systemctl} status psi.socket psi.service`;
  return `|| { c=$? e=; [ $c = 22 ] || e='${elsewhere}'; echo "${line}" >&2; exit $c; }`;
}

/** curl's limit: PSI answers within its own timeout; the rest is for a socket-activated start of PSI that the request waits for. */
export function driverMaxTimeSeconds(lookupTimeoutMs: number): number {
  return Math.max(20, Math.ceil(lookupTimeoutMs / 1000) + 15);
}

/** What of a config stands in the commands; `socketToken` counts as set or not, whatever it is. */
export type DriverSettings = {
  readonly socket: string;
  readonly stateDir: string;
  readonly lookup: { readonly timeoutMs: number; readonly helperDir: string };
  readonly socketToken: unknown;
};

/** The commands that a config freezes into Podman's secrets. */
export function frozenDriverOptions({ socket, stateDir, lookup, socketToken }: DriverSettings): DriverOptions {
  return driverOptions({
    socket,
    maxTimeSeconds: driverMaxTimeSeconds(lookup.timeoutMs),
    headerFile: socketToken === undefined ? undefined : headerFilePath(stateDir),
    helper: helperPath(lookup.helperDir),
  });
}

/** What a delete command of PSI needs on the host: where it asks, and the file that it reads first. Undefined: none, or quoted. */
export function neededByDelete({ delete: command = '' }: Readonly<Record<string, string>>): {
  readonly socket: string | undefined;
  readonly headerFile: string | undefined;
} {
  return {
    socket: / --unix-socket (\/[^\s'"\\]+)/.exec(command)?.[1],
    headerFile: / -H @(\/[^\s'"\\]+\/driver\.hdr)/.exec(command)?.[1],
  };
}

const CALLS_PSI = (verb: string): RegExp =>
  new RegExp(`^curl .*--unix-socket .*http://localhost/${verb}/\\$\\{?SECRET_ID\\}?["']?(?: |$)`);
const LOOKS_UP = CALLS_PSI('lookup');
const STORES = CALLS_PSI('store');

/**
 * Is this what PSI, or the Python PSI before it, gave to Podman? The commands of this one and of each later one hold a mark, whatever else
 * they are; earlier ones are known by their shape. Another socket or time limit still counts.
 */
export function isPsiOptions({ lookup = '', store = '' }: Readonly<Record<string, string>>): boolean {
  return (holdsMark(lookup) && holdsMark(store)) || (LOOKS_UP.test(lookup) && STORES.test(store));
}
