// Puts an RSA key of a PEM file into a soft token that was made by provision.ts. Its own process, as that one is.
// Arguments: module, library parameters, PIN, PEM file, label, id in hex.

import { createPrivateKey, type JsonWebKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pkcs11, { type Template } from 'pkcs11js';

const [module = '', libraryParameters = '', pin = '', file = '', label = '', id = ''] = process.argv.slice(2);
const key: JsonWebKey = createPrivateKey(readFileSync(file, 'utf8')).export({ format: 'jwk' });
const number = (text = ''): Buffer => Buffer.from(text, 'base64url');

const library = new pkcs11.PKCS11();
library.load(module);
library.C_Initialize({ libraryParameters, flags: pkcs11.CKF_OS_LOCKING_OK });
// The first slot of NSS does arithmetic only; the second is the database.
const slot = library.C_GetSlotList(true)[1];
if (!slot) throw new Error('no slot for keys');
const session = library.C_OpenSession(slot, pkcs11.CKF_RW_SESSION | pkcs11.CKF_SERIAL_SESSION);
library.C_Login(session, pkcs11.CKU_USER, pin);
const common: Template = [
  { type: pkcs11.CKA_KEY_TYPE, value: pkcs11.CKK_RSA },
  { type: pkcs11.CKA_TOKEN, value: true },
  { type: pkcs11.CKA_LABEL, value: label },
  { type: pkcs11.CKA_ID, value: Buffer.from(id, 'hex') },
  { type: pkcs11.CKA_MODULUS, value: number(key.n) },
  { type: pkcs11.CKA_PUBLIC_EXPONENT, value: number(key.e) },
];
library.C_CreateObject(session, [
  { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_PUBLIC_KEY },
  { type: pkcs11.CKA_ENCRYPT, value: true },
  ...common,
]);
library.C_CreateObject(session, [
  { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_PRIVATE_KEY },
  { type: pkcs11.CKA_PRIVATE, value: true },
  { type: pkcs11.CKA_SENSITIVE, value: true },
  { type: pkcs11.CKA_DECRYPT, value: true },
  ...common,
  { type: pkcs11.CKA_PRIVATE_EXPONENT, value: number(key.d) },
  { type: pkcs11.CKA_PRIME_1, value: number(key.p) },
  { type: pkcs11.CKA_PRIME_2, value: number(key.q) },
  { type: pkcs11.CKA_EXPONENT_1, value: number(key.dp) },
  { type: pkcs11.CKA_EXPONENT_2, value: number(key.dq) },
  { type: pkcs11.CKA_COEFFICIENT, value: number(key.qi) },
]);
library.C_CloseSession(session);
library.C_Finalize();
