// Where the PIN comes from, and which one the token has refused: that one is not tried again, whatever happens.

import { createHmac, randomBytes } from 'node:crypto';

import { credentialFolders } from '../../core/credential-folders.ts';
import { PsiError, toPsiError } from '../../core/error.ts';
import { SecretValue } from '../../core/secret-value.ts';
import { errnoOf, fileError } from '../files/host-error.ts';

export type PinSource = {
  /** For messages: "the credential hsm-pin". */
  readonly name: string;
  /** Undefined: there is none here, the next one is asked. Rejects if there should be one and it cannot be read. */
  readonly read: () => Promise<SecretValue | undefined>;
};

export type PinOrigins = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Rejects as node:fs does. */
  readonly readFile: (path: string) => Promise<Uint8Array>;
  /** `pin` of the config; undefined if it is not set. */
  readonly configured: (() => Promise<SecretValue>) | undefined;
  /** Where that stands, and what the variable is called, if not as for the cache's own token. */
  readonly at?: { readonly key: string; readonly variable: string };
};

const CREDENTIAL = 'hsm-pin';
const OF_CACHE = { key: 'cache.hsm.pin', variable: 'PSI_HSM_PIN' } as const;

/** The credential hsm-pin, then the config, then the variable. */
export function pinSources({ env, readFile, configured, at = OF_CACHE }: PinOrigins): readonly PinSource[] {
  const fromCredential = async (): Promise<SecretValue | undefined> => {
    for (const folder of credentialFolders(env)) {
      try {
        return trimmed(await readFile(`${folder}/${CREDENTIAL}`));
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw fileError('read the credential', `${folder}/${CREDENTIAL}`, error);
      }
    }
    return undefined;
  };
  const variable = env[at.variable];
  return [
    { name: `the credential ${CREDENTIAL}`, read: fromCredential },
    { name: `the config (${at.key})`, read: () => configured?.() ?? Promise.resolve(undefined) },
    {
      name: `the variable ${at.variable}`,
      read: () =>
        Promise.resolve(variable === undefined || variable === '' ? undefined : SecretValue.fromText(variable)),
    },
  ];
}

/** Without the line end that editors and `echo` add; nothing is left: no PIN. */
function trimmed(bytes: Uint8Array): SecretValue | undefined {
  const end = bytes.at(-1) !== 10 ? bytes.length : bytes.at(-2) === 13 ? bytes.length - 2 : bytes.length - 1;
  return end <= 0 ? undefined : new SecretValue(bytes.subarray(0, end));
}

export type Pin = { readonly value: SecretValue; readonly from: string };

/** PINs that a token refused, shared by all wrappers of a process: another wrapper must not try them again. */
export class RefusedPins {
  // So that a refused PIN is known again without being kept.
  readonly #salt = randomBytes(32);
  readonly #fingerprints = new Set<string>();

  add(token: string, pin: SecretValue): void {
    this.#fingerprints.add(this.#fingerprint(token, pin));
  }

  has(token: string, pin: SecretValue): boolean {
    return this.#fingerprints.has(this.#fingerprint(token, pin));
  }

  #fingerprint(token: string, pin: SecretValue): string {
    return createHmac('sha256', this.#salt).update(token).update('\0').update(pin.expose()).digest('hex');
  }
}

export class PinBook {
  readonly #sources: readonly PinSource[];
  readonly #refused: RefusedPins;
  readonly #token: string;

  /** First come, first served: credential, config, environment. `token` tells one token from another. */
  constructor(
    sources: readonly PinSource[],
    { refused = new RefusedPins(), token = '' }: { readonly refused?: RefusedPins; readonly token?: string } = {},
  ) {
    this.#sources = sources;
    this.#refused = refused;
    this.#token = token;
  }

  /** The PIN of the first source that has one: if the token refuses it, the others are not tried. */
  async read(): Promise<Pin | undefined> {
    for (const { name, read } of this.#sources) {
      try {
        const value = await read();
        if (value) return { value, from: name };
      } catch (thrown) {
        const error = toPsiError(thrown);
        throw new PsiError('KEY_UNAVAILABLE', `the PIN of the HSM cannot be read: ${error.message}`, {
          ...(error.hint === undefined ? {} : { hint: error.hint }),
          details: { reason: 'auth' },
          cause: thrown,
        });
      }
    }
    return undefined;
  }

  refuse({ value }: Pin): void {
    this.#refused.add(this.#token, value);
  }

  isRefused({ value }: Pin): boolean {
    return this.#refused.has(this.#token, value);
  }
}
