// The HSM as a key wrapper: RSA-OAEP-SHA256. Unwrapping asks the token; wrapping needs its public key only, which is kept. A PIN that the
// token refused is never sent again, nor is any while the token says that a wrong one was entered last.

import { PsiError, toPsiError } from '../../core/error.ts';
import { onceMore } from '../../core/retry.ts';
import { SecretValue } from '../../core/secret-value.ts';
import type { Clock } from '../../core/clock.ts';
import type { Check, TokenKeys } from '../../sealing/backends.ts';
import { DATA_KEY_BYTES, type WrapperStatus } from '../../sealing/key-wrapper.ts';
import { decodeBlob, encodeBlob } from './blob.ts';
import { closedToken, deviceName, isRecoverable, isWrongPin, refusedPin, silentToken, tokenError } from './errors.ts';
import { HelperProcess, type HelperOptions } from './helper-process.ts';
import { PinBook, type Pin, type PinSource, type RefusedPins } from './pin.ts';
import { preflight } from './preflight.ts';
import { PublicKeyFile } from './public-key-file.ts';
import { statusOf } from './status.ts';
import { wrapKeyOf, wrappedBy, type WrapKey } from './wrap-key.ts';
import type { TokenAnswer, Login, PublicKey, TokenRequest, TokenFacts, TokenFailure } from './wire.ts';
import type { TokenTarget } from '../../sealing/token-target.ts';

export type HsmKeyWrapperDeps = {
  readonly clock: Clock;
  /** In order: credential, config, environment. */
  readonly pins: readonly PinSource[];
  /** Where other wrappers of this process use the token too. */
  readonly refused?: RefusedPins;
};

export type HsmKeyWrapperOptions = Partial<HelperOptions> & {
  readonly target: TokenTarget;
  /** Where the token's public key is kept. */
  readonly publicKeyPath: string;
};

const TIMEOUT_MS = 60_000;

/** What a request is, before the PIN that it may need is known. */
type Ask = (login: Login) => TokenRequest;

type Good = Extract<TokenAnswer, { readonly ok: true }>;

export class HsmKeyWrapper implements TokenKeys {
  readonly backend = 'hsm';
  readonly #target: TokenTarget;
  readonly #helper: HelperProcess;
  readonly #pins: PinBook;
  readonly #file: PublicKeyFile;
  readonly #timeoutMs: number;
  #wrapKey: WrapKey | undefined;
  #fileIsOld = false;
  #closed = false;

  constructor(
    deps: HsmKeyWrapperDeps,
    { target, publicKeyPath, timeoutMs = TIMEOUT_MS, env = {} }: HsmKeyWrapperOptions,
  ) {
    this.#target = target;
    this.#timeoutMs = timeoutMs;
    this.#helper = new HelperProcess(deps, { timeoutMs, env });
    const token = JSON.stringify([target.module, target.token]);
    this.#pins = new PinBook(deps.pins, { ...(deps.refused && { refused: deps.refused }), token });
    this.#file = new PublicKeyFile({ path: publicKeyPath });
  }

  async wrap(dataKey: SecretValue): Promise<Uint8Array> {
    if (dataKey.byteLength !== DATA_KEY_BYTES) {
      throw new PsiError('INTERNAL', `a data key has ${String(DATA_KEY_BYTES)} bytes`);
    }
    // Its owner may wipe it while the token is asked for its public key.
    const bytes = new Uint8Array(dataKey.expose());
    try {
      const key = await this.#wrapKeyNow();
      return encodeBlob({ fingerprint: key.fingerprint, ciphertext: wrappedBy(key, bytes) });
    } finally {
      bytes.fill(0);
    }
  }

  /** Async, so that a damaged blob is a rejection like all others. */
  async unwrap(blob: Uint8Array): Promise<SecretValue> {
    return this.#decrypted(decodeBlob(blob));
  }

  /** A key that another program wrapped with RSA-OAEP-SHA256, without a word about whose it is. */
  decrypt(ciphertext: Uint8Array): Promise<SecretValue> {
    return this.#decrypted({ ciphertext });
  }

  async #decrypted(wrapped: { readonly ciphertext: Uint8Array; readonly fingerprint?: string }): Promise<SecretValue> {
    const target = this.#target;
    const answer = await this.#use((login) => ({ op: 'unwrap', target, login, ...wrapped }), false).catch(
      (error: unknown) => {
        // Another token or key than before: wrapping goes on for the one that is there, not for the one that was kept.
        if (toPsiError(error).details['reason'] === 'other-device') this.#forget();
        throw error;
      },
    );
    if (answer.publicKey) await this.#keep(answer.publicKey);
    if (answer.dataKey?.length !== DATA_KEY_BYTES) {
      throw tokenError({ step: 'decrypt', why: 'bad-length', seen: [] }, this.#target);
    }
    return new SecretValue(answer.dataKey);
  }

  async describe(): Promise<WrapperStatus> {
    try {
      const facts = await this.#inspect();
      const pin = await this.#pins.read();
      return statusOf(this.#target, {
        facts,
        pinFrom: pin?.from,
        refused: pin !== undefined && this.#pins.isRefused(pin),
      });
    } catch (thrown) {
      return { device: deviceName(this.#target), problem: toPsiError(thrown), facts: new Map() };
    }
  }

  /**
   * Logs in, gets to know the token's key and has it unwrap a test block: for the first use, and for people who put right a PIN. This one
   * call sends a PIN although the token says that a wrong one was entered; not one that was refused here.
   */
  async init(): Promise<TokenFacts> {
    const { facts, publicKey } = await this.#use((login) => ({ op: 'try', target: this.#target, login }), true);
    if (publicKey) await this.#keep(publicKey);
    return facts;
  }

  preflight({ login }: { readonly login: boolean }): Promise<readonly Check[]> {
    return preflight(this, { module: this.#target.module, login });
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#helper.close();
    return Promise.resolve();
  }

  async #wrapKeyNow(): Promise<WrapKey> {
    this.#throwIfClosed();
    if (!this.#fileIsOld) this.#wrapKey ??= await this.#file.read();
    if (this.#wrapKey) return this.#wrapKey;
    const seen = (await this.#inspect()).publicKey;
    const ask: Ask = (login) => ({ op: 'login', target: this.#target, login });
    const publicKey = seen ?? (await this.#use(ask, false)).publicKey;
    if (!publicKey) throw tokenError({ step: 'key', why: 'no-key', seen: [] }, this.#target);
    return await this.#keep(publicKey);
  }

  #forget(): void {
    this.#wrapKey = undefined;
    this.#fileIsOld = true;
  }

  /** The token's own word counts more than the file's. */
  async #keep(publicKey: PublicKey): Promise<WrapKey> {
    const key = wrapKeyOf(publicKey);
    const known = this.#wrapKey ?? (await this.#file.read());
    this.#wrapKey = key;
    this.#fileIsOld = false;
    // Without the file the next save needs the token: no reason to fail this call.
    if (known?.fingerprint !== key.fingerprint) await this.#file.write(key).catch(() => undefined);
    return key;
  }

  async #inspect(): Promise<TokenFacts> {
    const request: TokenRequest = { op: 'inspect', target: this.#target };
    return (await this.#ask(() => Promise.resolve(request))).facts;
  }

  async #use(ask: Ask, force: boolean): Promise<Good> {
    let pin: Pin | undefined;
    const make = async (): Promise<TokenRequest> => {
      pin = await this.#pins.read();
      if (pin && this.#pins.isRefused(pin)) throw refusedPin(this.#target);
      return ask({ pin: pin?.value.expose(), force });
    };
    return await this.#ask(make, (failure) => {
      if (pin && isWrongPin(failure)) this.#pins.refuse(pin);
    });
  }

  #ask(make: () => Promise<TokenRequest>, onFailure: (failure: TokenFailure) => void = () => undefined): Promise<Good> {
    let recoverable = false;
    const ask = async (): Promise<Good> => {
      recoverable = false;
      this.#throwIfClosed();
      const outcome = await this.#helper.ask(make);
      if (outcome.ok) return outcome;
      if ('ended' in outcome) {
        throw outcome.ended === 'closed' ? closedToken(this.#target) : silentToken(this.#target, this.#timeoutMs);
      }
      onFailure(outcome.failure);
      recoverable = isRecoverable(outcome.failure);
      throw tokenError(outcome.failure, this.#target);
    };
    return onceMore(ask, () => recoverable);
  }

  #throwIfClosed(): void {
    if (this.#closed) throw closedToken(this.#target);
  }
}
