// Whom a connection trusts, and what it shows of itself. Errors never carry OpenSSL's own: those are about keys.

import { createPrivateKey, type KeyObject } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext, type SecureContextOptions } from 'node:tls';
import { PsiError } from '../../core/error.ts';
import type { SecretValue } from '../../core/secret-value.ts';
import { certificatesIn, type Certificate } from './certificates-in.ts';

/** PEM text. */
export type ClientCertificate = { readonly certificate: string; readonly privateKey: SecretValue };

export type Trust = {
  /** PEM text, trusted beside the usual authorities. */
  readonly caCert: string | undefined;
  /** Where it came from, for messages. */
  readonly caCertFile?: string | undefined;
};

export function secureContext(trust: Trust): SecureContext | undefined {
  return trust.caCert === undefined ? undefined : createSecureContext(trusting(trust));
}

function trusting({ caCert, caCertFile }: Trust): SecureContextOptions {
  if (caCert === undefined) return {};
  const what = caCertFile === undefined ? 'ca_cert' : `ca_cert ${caCertFile}`;
  const own = certificatesIn(caCert, what, caCertFile);
  return { ca: [...getCACertificates('default'), ...own.map(({ text }) => text)] };
}

/** What a connection shows and trusts that logs in by a certificate. Fails with CONFIG_INVALID where both do not belong together. */
export function certifiedContext({ certificate, privateKey }: ClientCertificate, trust: Trust): SecureContext {
  const chain = certificatesIn(certificate, '`certificate`');
  checkKey(chain, privateKey);
  const ca = trusting(trust);
  try {
    return createSecureContext({ ...ca, cert: certificate, key: privateKey.exposeText() });
  } catch {
    throw new PsiError('CONFIG_INVALID', 'private_key or certificate cannot be read', { hint: BOTH_PEM });
  }
}

const BOTH_PEM =
  'both take PEM, the key without a passphrase: `openssl pkey -in KEY -pubout` must print what `openssl x509 -in CERT -noout -pubkey` prints';

function checkKey([own, ...others]: readonly Certificate[], privateKey: SecretValue): void {
  const key = keyOf(privateKey);
  if (key === undefined) {
    throw new PsiError('CONFIG_INVALID', 'private_key or certificate cannot be read', { hint: BOTH_PEM });
  }
  if (own?.facts.checkPrivateKey(key) === true) return;
  const later = others.some(({ facts }) => facts.checkPrivateKey(key));
  throw new PsiError(
    'CONFIG_INVALID',
    later
      ? 'private_key does not belong to the first certificate of `certificate`, but to a later one'
      : 'private_key does not belong to certificate',
    { hint: later ? 'put the certificate of the key first and its issuers behind it' : BOTH_PEM },
  );
}

function keyOf(privateKey: SecretValue): KeyObject | undefined {
  try {
    return createPrivateKey(privateKey.exposeText());
  } catch {
    return undefined;
  }
}
