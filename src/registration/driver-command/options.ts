// The four shell commands that Podman freezes into every secret, and how to recognise them. A changed text is a planned replace of
// each registered secret, so nothing that rotates stands in here: the token is read from a file when the command runs.

import { PsiError } from '../../core/error.ts';
import type { DriverOptions } from '../registered-secret.ts';
import { headerFilePath } from './header-file.ts';
import { shellWord } from '../../core/text/shell.ts';

export type DriverCommandInput = {
  /** PSI's socket as the host sees it. */
  readonly socket: string;
  readonly maxTimeSeconds: number;
  /**
   * The file with the `Authorization:` line; undefined: the socket asks for no token. It has to be there before a secret is created
   * and as long as one names it: curl 8 fails without it, before it asks anybody.
   */
  readonly headerFile: string | undefined;
};

/**
 * `%{onerror}` keeps curl silent on success: whatever it printed to stdout then would become part of the value. On failure the
 * one line below reaches the journal of the workload; Podman itself only says "no such secret", whatever the cause was.
 * An older curl than 7.84 (Enterprise Linux 9) prints `%header{psi-hint}` as it stands, which does no harm.
 */
function onFailure(what: string): string {
  const text = `psi: %header{psi-hint} (${what} failed: %{errormsg}; more in the journal of psi.service)`;
  return `-w '%{onerror}%{stderr}${text}\\n'`;
}

/**
 * `-q`: a curlrc is read even without HOME, and an `output=` line there empties every value. `-f`: else the body of a 404 becomes
 * the value. No `-S`: the line of onFailure holds what it would print. `--max-time`: Podman sets no limit of its own and holds a
 * host-wide lock while the command runs.
 */
export function driverOptions(input: DriverCommandInput): DriverOptions {
  const header = input.headerFile === undefined ? '' : ` -H ${pathWord(`@${input.headerFile}`)}`;
  const base = `curl -q -sf --max-time ${String(input.maxTimeSeconds)} --unix-socket ${pathWord(input.socket)}${header}`;
  return {
    lookup: `${base} ${onFailure('lookup')} "http://localhost/lookup/$SECRET_ID"`,
    store: `${base} ${onFailure('store')} --data-binary @- "http://localhost/store/$SECRET_ID"`,
    delete: `${base} ${onFailure('delete')} -X DELETE "http://localhost/delete/$SECRET_ID"`,
    list: `${base} ${onFailure('list')} http://localhost/list`,
  };
}

/** curl's limit: PSI answers within its own timeout; the rest is for a socket-activated start of PSI that the request waits for. */
export function driverMaxTimeSeconds(lookupTimeoutMs: number): number {
  return Math.max(20, Math.ceil(lookupTimeoutMs / 1000) + 15);
}

/** What of a config stands in the commands; `socketToken` counts as set or not, whatever it is. */
export type DriverSettings = {
  readonly socket: string;
  readonly stateDir: string;
  readonly lookup: { readonly timeoutMs: number };
  readonly socketToken: unknown;
};

/** The commands that a config freezes into Podman's secrets. */
export function frozenDriverOptions({ socket, stateDir, lookup, socketToken }: DriverSettings): DriverOptions {
  return driverOptions({
    socket,
    maxTimeSeconds: driverMaxTimeSeconds(lookup.timeoutMs),
    headerFile: socketToken === undefined ? undefined : headerFilePath(stateDir),
  });
}

const CALLS_PSI = (verb: string): RegExp =>
  new RegExp(`^curl .*--unix-socket .*http://localhost/${verb}/\\$\\{?SECRET_ID\\}?["']?(?: |$)`);
const LOOKS_UP = CALLS_PSI('lookup');
const STORES = CALLS_PSI('store');

/** Does this look like what PSI, or the Python PSI before it, gave to Podman? Another socket or time limit still counts. */
export function isPsiOptions(options: Readonly<Record<string, string>>): boolean {
  return LOOKS_UP.test(options['lookup'] ?? '') && STORES.test(options['store'] ?? '');
}

// eslint-disable-next-line no-control-regex -- they are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f]/;

/** A path in the command line that Podman freezes. */
function pathWord(text: string): string {
  if (UNPRINTABLE.test(text)) {
    throw new PsiError('CONFIG_INVALID', 'a path for the driver command holds a control character', {
      hint: 'change `socket` or `state_dir` in the config',
    });
  }
  return shellWord(text);
}
