// One use of a PKCS#11 token, from loading the module to closing the session. Runs in the helper process only: every call here blocks, for
// seconds on a smart card, and a broken module takes its process with it.

import { randomBytes } from 'node:crypto';
import pkcs11, { type Handle, type RsaOAEP, type Template } from 'pkcs11js';

import { chooseSlot, pinState, slotNumber, unpadded } from './slots.ts';
import { resultOf, TokenError } from './token-error.ts';
import { wrapKeyOf, wrappedBy } from './wrap-key.ts';
import type { TokenAnswer, Login, PublicKey, TokenRequest, Step, TokenFacts } from './wire.ts';
import { sameBytes } from '../../core/bytes.ts';
import { DATA_KEY_BYTES } from '../../sealing/key-wrapper.ts';
import type { TokenTarget } from '../../sealing/token-target.ts';

const OAEP_SHA256: RsaOAEP = {
  type: pkcs11.CK_PARAMS_RSA_OAEP,
  hashAlg: pkcs11.CKM_SHA256,
  mgf: pkcs11.CKG_MGF1_SHA256,
  // CKZ_DATA_SPECIFIED: SoftHSM and NSS refuse 0, with or without a label.
  source: 1,
};

type KeyName = Pick<TokenTarget['key'], 'label' | 'id'>;

export class Token {
  readonly #library = new pkcs11.PKCS11();
  readonly #target: TokenTarget;
  step: Step = 'module';
  #session: Handle | undefined;

  constructor(target: TokenTarget) {
    this.#target = target;
  }

  run(request: TokenRequest): TokenAnswer {
    const slot = this.#open();
    const facts = this.#facts(slot);
    if (request.op === 'inspect') return { ok: true, facts };
    if (request.op === 'unwrap' && facts.publicKey) requireFingerprint(facts.publicKey, request.fingerprint);
    this.#login(facts, request.login);
    const key = this.#key(pkcs11.CKO_PRIVATE_KEY);
    if (key === undefined) throw new TokenError('no-key', this.#labels());
    const publicKey = facts.publicKey ?? this.#publicKeyOf(key);
    if (request.op === 'try') this.#try(key, publicKey, request.login);
    if (request.op !== 'unwrap') return { ok: true, facts, publicKey };
    requireFingerprint(publicKey, request.fingerprint);
    return { ok: true, facts, publicKey, dataKey: this.#decrypt(key, request.ciphertext, request.login, 'decrypt') };
  }

  /** Tells the module that this process is done. May take its time or crash: the answer is to be sent before. */
  close(): void {
    if (this.#session) this.#library.C_CloseSession(this.#session);
    if (this.step !== 'module') this.#library.C_Finalize();
  }

  #open(): Handle {
    const { module, libraryParameters } = this.#target;
    this.#library.load(module);
    this.step = 'initialize';
    const flags = pkcs11.CKF_OS_LOCKING_OK;
    this.#library.C_Initialize(libraryParameters === undefined ? { flags } : { flags, libraryParameters });
    this.step = 'token';
    const slot = chooseSlot(this.#library, this.#target);
    this.step = 'session';
    this.#session = this.#library.C_OpenSession(slot, pkcs11.CKF_SERIAL_SESSION);
    this.step = 'key';
    return slot;
  }

  #facts(slot: Handle): TokenFacts {
    const info = this.#library.C_GetTokenInfo(slot);
    const key = this.#key(pkcs11.CKO_PUBLIC_KEY);
    return {
      label: unpadded(info.label),
      serial: unpadded(info.serialNumber),
      manufacturer: unpadded(info.manufacturerID),
      model: unpadded(info.model),
      slot: slotNumber(slot),
      pin: pinState(info.flags),
      oaep: this.#library.C_GetMechanismList(slot).includes(pkcs11.CKM_RSA_PKCS_OAEP),
      publicKey: key && this.#publicKeyOf(key),
    };
  }

  // A wrong PIN costs a try of very few. The token itself remembers that one was entered, across restarts of everything: then
  // it takes a person to try again.
  #login(facts: TokenFacts, { pin, force }: Login): void {
    this.step = 'login';
    if (facts.pin === 'not-needed') return;
    if (facts.pin === 'locked' || facts.pin === 'not-set') throw new TokenError(`pin-${facts.pin}`);
    if (pin === undefined) throw new TokenError('pin-missing');
    if (facts.pin === 'last-try' || (facts.pin === 'low' && !force)) throw new TokenError(`pin-${facts.pin}`);
    try {
      this.#library.C_Login(this.#openSession(), pkcs11.CKU_USER, Buffer.from(pin).toString('utf8'));
    } catch (error) {
      if (resultOf(error) !== 'CKR_USER_ALREADY_LOGGED_IN') throw error;
    }
    this.step = 'key';
  }

  // A module that lists the mechanism need not know its hash, and a public key need not be that of the private one: only trying tells.
  #try(key: Handle, publicKey: PublicKey, login: Login): void {
    const block = randomBytes(DATA_KEY_BYTES);
    const back = this.#decrypt(key, wrappedBy(wrapKeyOf(publicKey), block), login, 'try');
    if (!sameBytes(back, block)) throw new TokenError('other-bytes');
  }

  #decrypt(key: Handle, ciphertext: Uint8Array, { pin }: Login, step: 'decrypt' | 'try'): Uint8Array {
    this.step = step;
    const session = this.#openSession();
    this.#library.C_DecryptInit(session, { mechanism: pkcs11.CKM_RSA_PKCS_OAEP, parameter: OAEP_SHA256 }, key);
    if (this.#isAlwaysAuthenticated(key) && pin !== undefined) {
      this.step = 'login';
      this.#library.C_Login(session, pkcs11.CKU_CONTEXT_SPECIFIC, Buffer.from(pin).toString('utf8'));
      this.step = step;
    }
    return this.#library.C_Decrypt(session, Buffer.from(ciphertext), Buffer.alloc(ciphertext.length));
  }

  #isAlwaysAuthenticated(key: Handle): boolean {
    try {
      return this.#attribute(key, pkcs11.CKA_ALWAYS_AUTHENTICATE)[0] === 1;
    } catch {
      // Not every module knows the attribute.
      return false;
    }
  }

  #key(kind: number): Handle | undefined {
    const { label, id, either } = this.#target.key;
    if (either !== true) return this.#only(kind, { label, id });
    return this.#all(kind, { label: undefined, id })[0] ?? this.#all(kind, { label, id: undefined })[0];
  }

  #only(kind: number, named: KeyName): Handle | undefined {
    const found = this.#all(kind, named);
    if (found.length > 1) throw new TokenError('many-keys', this.#labels());
    return found[0];
  }

  #all(kind: number, { label, id }: KeyName): readonly Handle[] {
    const template: Template = [
      { type: pkcs11.CKA_CLASS, value: kind },
      { type: pkcs11.CKA_KEY_TYPE, value: pkcs11.CKK_RSA },
    ];
    if (label !== undefined) template.push({ type: pkcs11.CKA_LABEL, value: label });
    if (id !== undefined) template.push({ type: pkcs11.CKA_ID, value: Buffer.from(id, 'hex') });
    return this.#find(template);
  }

  #labels(): readonly string[] {
    return this.#find([{ type: pkcs11.CKA_CLASS, value: pkcs11.CKO_PRIVATE_KEY }]).map((key) => {
      const id = this.#attribute(key, pkcs11.CKA_ID).toString('hex');
      return `${this.#attribute(key, pkcs11.CKA_LABEL).toString('utf8')} (id ${id})`;
    });
  }

  #find(template: Template): readonly Handle[] {
    const session = this.#openSession();
    this.#library.C_FindObjectsInit(session, template);
    try {
      return this.#library.C_FindObjects(session, 16);
    } finally {
      this.#library.C_FindObjectsFinal(session);
    }
  }

  #publicKeyOf(key: Handle): PublicKey {
    return {
      modulus: this.#attribute(key, pkcs11.CKA_MODULUS),
      exponent: this.#attribute(key, pkcs11.CKA_PUBLIC_EXPONENT),
    };
  }

  #attribute(object: Handle, type: number): Buffer {
    const [attribute] = this.#library.C_GetAttributeValue(this.#openSession(), object, [{ type }]);
    if (!Buffer.isBuffer(attribute?.value)) throw new TokenError('no-attribute');
    return attribute.value;
  }

  #openSession(): Handle {
    if (!this.#session) throw new TokenError('no-session');
    return this.#session;
  }
}

function requireFingerprint(key: PublicKey, fingerprint: string | undefined): void {
  if (fingerprint !== undefined && wrapKeyOf(key).fingerprint !== fingerprint) throw new TokenError('other-key');
}
