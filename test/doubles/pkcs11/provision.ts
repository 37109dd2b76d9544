// Makes a soft token: an NSS database with a PIN and RSA keys. Its own process, so that the module is not loaded where the tests run.
// Arguments: module, library parameters, PIN, key bits, then the labels of the keys to make.

import pkcs11, { type Handle } from 'pkcs11js';

const [module = '', libraryParameters = '', pin = '', bits = '2048', ...labels] = process.argv.slice(2);
const library = new pkcs11.PKCS11();
library.load(module);
library.C_Initialize({ libraryParameters, flags: pkcs11.CKF_OS_LOCKING_OK });
// The first slot of NSS does arithmetic only; the second is the database.
const slot = library.C_GetSlotList(true)[1];
if (!slot) throw new Error('no slot for keys');

function session(user: number, secret: string, work: (handle: Handle) => void): void {
  if (!slot) return;
  const handle = library.C_OpenSession(slot, pkcs11.CKF_RW_SESSION | pkcs11.CKF_SERIAL_SESSION);
  library.C_Login(handle, user, secret);
  work(handle);
  library.C_Logout(handle);
  library.C_CloseSession(handle);
}

session(pkcs11.CKU_SO, '', (handle) => {
  library.C_InitPIN(handle, pin);
});
session(pkcs11.CKU_USER, pin, (handle) => {
  labels.forEach((label, at) => {
    const common = [
      { type: pkcs11.CKA_TOKEN, value: true },
      { type: pkcs11.CKA_LABEL, value: label },
      { type: pkcs11.CKA_ID, value: Buffer.from([at + 1]) },
    ];
    library.C_GenerateKeyPair(
      handle,
      { mechanism: pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN },
      [
        ...common,
        { type: pkcs11.CKA_MODULUS_BITS, value: Number(bits) },
        { type: pkcs11.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
        { type: pkcs11.CKA_ENCRYPT, value: true },
      ],
      [
        ...common,
        { type: pkcs11.CKA_PRIVATE, value: true },
        { type: pkcs11.CKA_SENSITIVE, value: true },
        { type: pkcs11.CKA_DECRYPT, value: true },
      ],
    );
  });
});
library.C_Finalize();
