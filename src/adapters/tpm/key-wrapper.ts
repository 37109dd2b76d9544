// The key wrapper on a TPM 2.0: seals the data key under the TPM's storage key, bound to PCRs as configured. The package does the work, off
// the main thread and one call at a time; here are the auth value, the life of the wrapper and PSI's errors. Keeps no secret.

import type { CallOptions, PcrBank, TpmErrorKind, TpmInfo } from 'node-tpm2-tss';
import { PsiError } from '../../core/error.ts';
import { SecretValue } from '../../core/secret-value.ts';
import { DATA_KEY_BYTES, type KeyWrapper, type WrapperStatus } from '../../sealing/key-wrapper.ts';
import { authError, closedError, loadError, tpmError } from './errors.ts';

export type TpmKeyWrapperDeps = {
  /** Read anew for each call that needs it, so that a rotated credential is picked up. Undefined: no auth value. */
  readonly auth: (() => Promise<SecretValue>) | undefined;
};

export type TpmKeyWrapperOptions = {
  readonly tcti: string;
  readonly pcrs: readonly number[];
  readonly bank: PcrBank;
  readonly deadlineMs?: number;
};

type Package = typeof import('node-tpm2-tss');

export class TpmKeyWrapper implements KeyWrapper {
  readonly backend = 'tpm';
  readonly #auth: TpmKeyWrapperDeps['auth'];
  readonly #options: TpmKeyWrapperOptions;
  readonly #call: CallOptions;
  readonly #closed = new AbortController();

  constructor({ auth }: TpmKeyWrapperDeps, options: TpmKeyWrapperOptions) {
    this.#auth = auth;
    this.#options = options;
    this.#call = { tcti: options.tcti, deadlineMs: options.deadlineMs };
  }

  async wrap(dataKey: SecretValue): Promise<Uint8Array> {
    if (dataKey.byteLength !== DATA_KEY_BYTES) {
      throw new PsiError(
        'INTERNAL',
        `a data key has ${String(DATA_KEY_BYTES)} bytes, not ${String(dataKey.byteLength)}`,
      );
    }
    // The caller may wipe its own as soon as this function has returned its promise.
    const copy = Uint8Array.from(dataKey.expose());
    const { pcrs, bank } = this.#options;
    return this.#use(async (tpm) => {
      const auth = await this.#authValue();
      return tpm.seal(copy, { ...this.#call, pcrs, bank, auth });
    }).finally(() => copy.fill(0));
  }

  async unwrap(blob: Uint8Array): Promise<SecretValue> {
    const copy = Uint8Array.from(blob);
    return this.#use(async (tpm) => {
      const auth = tpm.describeBlob(copy).needsAuth ? await this.#authValue() : undefined;
      const dataKey = await tpm.unseal(copy, { ...this.#call, auth });
      if (dataKey.length === DATA_KEY_BYTES) return new SecretValue(dataKey);
      dataKey.fill(0);
      throw tpmError('damaged', 'the blob holds no data key', undefined);
    });
  }

  async describe(): Promise<WrapperStatus> {
    const { tcti, pcrs, bank } = this.#options;
    try {
      return await this.#use(async (tpm) => {
        const info = await tpm.info(this.#call);
        const values =
          pcrs.length === 0 ? new Map<number, Uint8Array>() : await tpm.pcrRead(pcrs, { ...this.#call, bank });
        return { device: tcti, problem: undefined, facts: this.#facts(info, values) };
      });
    } catch (error) {
      if (!(error instanceof PsiError)) throw error;
      return { device: tcti, problem: error, facts: new Map() };
    }
  }

  close(): Promise<void> {
    this.#closed.abort();
    return Promise.resolve();
  }

  #facts(info: TpmInfo, values: ReadonlyMap<number, Uint8Array>): ReadonlyMap<string, string> {
    const { lockout } = info;
    const facts = new Map([
      ['tpm', `${info.manufacturer} ${info.vendor}, firmware ${info.firmware}`],
      [
        'bound to',
        values.size === 0 ? 'this TPM only' : `PCR ${[...values.keys()].join(', ')} (${this.#options.bank})`,
      ],
      ['auth value', this.#auth === undefined ? 'none' : 'configured'],
      [
        'lockout',
        lockout.active
          ? `active: keys with a PIN do not open now, those of psi do`
          : `${String(lockout.failures)} of ${String(lockout.maxFailures)} failed tries`,
      ],
    ]);
    const unmeasured = [...values].filter(([, value]) => isUnmeasured(value)).map(([pcr]) => pcr);
    if (unmeasured.length > 0) {
      facts.set(
        'warning',
        `PCR ${unmeasured.join(', ')} was never extended: the firmware does not measure, so it protects nothing`,
      );
    }
    return facts;
  }

  async #authValue(): Promise<Uint8Array | undefined> {
    try {
      return (await this.#auth?.())?.expose();
    } catch (error) {
      throw authError(error);
    }
  }

  // Loaded here and not at the top: without the libraries of the TSS everything but the cache still works.
  async #use<T>(work: (tpm: Package) => Promise<T>): Promise<T> {
    const { signal } = this.#closed;
    if (signal.aborted) throw closedError();
    const result = load().then(work);
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => {
      aborted.reject(closedError());
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([result, aborted.promise]);
    } catch (error) {
      throw translate(error);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}

async function load(): Promise<Package> {
  try {
    return await import('node-tpm2-tss');
  } catch (error) {
    throw loadError(error);
  }
}

function translate(error: unknown): PsiError {
  if (error instanceof PsiError) return error;
  if (isTpmError(error)) return tpmError(error.kind, error.message, error);
  // A TypeError or RangeError of the package: what it was given came from the configuration.
  const message = error instanceof Error ? error.message : 'unexpected error';
  return new PsiError('KEY_UNAVAILABLE', `the TPM settings make no sense: ${message}`, {
    hint: 'correct `cache.tpm` in the configuration',
    cause: error,
    details: { reason: 'refused', kind: 'settings' },
  });
}

function isTpmError(error: unknown): error is Error & { readonly kind: TpmErrorKind } {
  return error instanceof Error && error.name === 'TpmError';
}

/** All zeros: nothing was ever measured into it. All ones: it never can be. */
function isUnmeasured(value: Uint8Array): boolean {
  return value.every((byte) => byte === 0) || value.every((byte) => byte === 0xff);
}
