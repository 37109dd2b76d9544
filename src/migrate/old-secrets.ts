// Podman's secrets of the Python PSI: each has the commands, and the token, of the day on which it was made.

import { decodeStored } from '../core/mapping.ts';
import { holdsMark } from '../registration/driver-command/curl-call.ts';
import { isPsiOptions } from '../registration/driver-command/options.ts';
import type { RegisteredSecret } from '../registration/registered-secret.ts';
import { TOKENS } from './config/nitrokeyhsm.ts';

/** `hsm`: its value is in it, sealed by a token. `text`: as of before 5460e03. `none`: no file of this id. */
export type OldMapping = 'infisical' | 'hsm' | 'text' | 'none';

export type OldSecret = {
  readonly secret: RegisteredSecret;
  /** `serve`: its commands ask the socket; `program`: they run the Python program, which may be gone. */
  readonly commands: 'serve' | 'program';
  readonly mapping: OldMapping;
  /** That its mapping names; undefined: this psi reads none there. */
  readonly provider: string | undefined;
  /** Its commands send another token than the socket asks for, or none. Where that is in a credential, nobody here can tell. */
  readonly refused: boolean;
};

/** `asked`: undefined: none, or it is not known. */
export function isRefused({ options }: RegisteredSecret, asked: string | undefined): boolean {
  if (asked === undefined) return false;
  const sent = / -H 'Authorization: Bearer ([^']+)'/.exec(options['lookup'] ?? '')?.[1];
  return sent !== asked;
}

/** Undefined: it is not of the Python PSI. */
export function oldCommands({ driver, options }: RegisteredSecret): OldSecret['commands'] | undefined {
  const { lookup = '' } = options;
  if (driver !== 'shell' || holdsMark(lookup)) return undefined;
  if (/^(?:\S*\/)?(?:psi|podman run .*) secret lookup\s*$/.test(lookup)) return 'program';
  return /^curl -sf? ?/.test(lookup) && isPsiOptions(options) ? 'serve' : undefined;
}

export function oldMapping(text: string | undefined): OldMapping {
  if (text === undefined) return 'none';
  const provider = /^\s*\{[\s\S]*?"provider"\s*:\s*"([a-z]+)"/.exec(text.slice(0, 4096))?.[1];
  if (TOKENS.includes(provider ?? '') || /"blob"\s*:/.test(text.slice(0, 4096))) return 'hsm';
  return provider === 'infisical' ? 'infisical' : 'text';
}

export function providerOf(mapping: string | undefined): string | undefined {
  return mapping === undefined ? undefined : decodeStored(mapping)?.provider;
}

/** Is this file of Podman's defaults what `psi install` of the Python PSI wrote, or the error that it printed in its place? */
export function isOldDefaultDriver(text: string): boolean {
  return (
    /^(?:Internal )?[Ee]rror: /.test(text) ||
    /^lookup = .*curl -sf.* --unix-socket .*\/lookup\/\$SECRET_ID/m.test(text) ||
    /^lookup = .*\bsecret lookup"/m.test(text)
  );
}
