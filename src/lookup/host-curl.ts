// The host's curl, which Podman's driver commands run. PSI sits in a container and does not see it: what it knows stands in the
// `User-Agent` of the requests that come.

import { PsiError } from '../core/error.ts';
import { shellWord } from '../core/text/shell.ts';

/** On every request of PSI's own driver commands, with the number of their shape. Lower case, as Node names headers. */
export const COMMAND_HEADER = 'x-psi-command';

/** What the host's curl is, and what is worse with it than with a newer one; null: nothing. */
export type HostCurlStatus = { readonly version: string; readonly limit: string | null };

export class HostCurl {
  readonly #ask: string;
  #version: string | undefined;

  /** `socket`: of the driver. */
  constructor(options: { readonly socket: string }) {
    this.#ask = `curl -sS --unix-socket ${shellWord(options.socket)} http://localhost/healthz`;
  }

  /** `agent`: the `User-Agent` of a request of the driver. That of another program changes nothing. */
  saw(agent: string | undefined): void {
    this.#version = versionOf(agent) ?? this.#version;
  }

  /** The last one seen; undefined: none since PSI started. */
  get status(): HostCurlStatus | undefined {
    const version = this.#version;
    return version === undefined ? undefined : { version, limit: limitOf(version) ?? null };
  }

  /** Undefined: PSI's commands work with it. */
  get problem(): PsiError | undefined {
    const version = this.#version;
    if (version === undefined || !mixesValues(version)) return undefined;
    const { code, message } = tooOld(version);
    // Else it would stand there until the next start of a container.
    const hint = `${UPDATE}, then show it to psi: \`${this.#ask}\``;
    return new PsiError(code, message, { hint });
  }
}

/**
 * Why a request of PSI's own command is not answered; undefined: it is. Before 7.63 curl knows no `%{stderr}`: what the command prints for
 * the journal goes to where the value goes, with exit status 0, and a value would be right only as long as no answer brings anything to
 * print. Another command of the same curl prints nothing of that kind, and is right.
 */
export function curlRefusal(request: {
  readonly own: boolean;
  readonly agent: string | undefined;
}): PsiError | undefined {
  const version = request.own ? versionOf(request.agent) : undefined;
  return version !== undefined && mixesValues(version) ? tooOld(version) : undefined;
}

function versionOf(agent: string | undefined): string | undefined {
  return /^curl\/(\d{1,3}\.\d{1,3}(?:\.\d{1,3})?)(?:[^\d.]|$)/.exec(agent ?? '')?.[1];
}

function isBefore(version: string, major: number, minor: number): boolean {
  const [found = 0, foundMinor = 0] = version.split('.').map(Number);
  return found < major || (found === major && foundMinor < minor);
}

function mixesValues(version: string): boolean {
  return isBefore(version, 7, 63);
}

function limitOf(version: string): string | undefined {
  if (mixesValues(version)) {
    return 'too old: before 7.63 it prints messages to where the value goes, so lookups are refused';
  }
  if (isBefore(version, 7, 76)) {
    return 'before 7.76 it does not show why psi refuses a lookup: the reason is in the journal of psi.service alone';
  }
  return undefined;
}

/** In the details of a refusal: status has a problem of its own for the cause. */
export const OF_ITS_OWN = 'problem-of-its-own';

const UPDATE = 'update curl on the host to 7.63 or later';

function tooOld(version: string): PsiError {
  return new PsiError(
    'HOST',
    `curl ${version} on this host is too old for psi's driver command: it prints messages to where the value goes (7.63 does not)`,
    { hint: `${UPDATE}; nothing else has to be done`, details: { [OF_ITS_OWN]: true } },
  );
}
