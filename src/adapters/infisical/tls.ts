// Whom a connection trusts, and what it shows of itself. Errors never carry OpenSSL's own: those are about keys.

import { X509Certificate } from 'node:crypto';
import { Agent as HttpsAgent } from 'node:https';
import { createSecureContext, getCACertificates, type SecureContext, type SecureContextOptions } from 'node:tls';
import { PsiError } from '../../core/error.ts';
import type { SecretValue } from '../../core/secret-value.ts';

/** PEM text. */
export type ClientCertificate = { readonly certificate: string; readonly privateKey: SecretValue };

export type TlsOptions = {
  readonly apiUrl: string;
  readonly verifySsl: boolean;
  /** PEM text, trusted beside the usual authorities. */
  readonly caCert: string | undefined;
};

export function secureContext(caCert: string | undefined): SecureContext | undefined {
  return caCert === undefined ? undefined : createSecureContext(trusting(caCert));
}

function trusting(caCert: string): SecureContextOptions {
  try {
    // OpenSSL takes any text for an empty list of certificates.
    new X509Certificate(caCert);
    return { ca: [...getCACertificates('default'), caCert] };
  } catch {
    throw new PsiError('CONFIG_INVALID', 'ca_cert holds no certificate that can be read', {
      hint: 'it takes PEM: `openssl x509 -in FILE -noout -subject` must print a name',
    });
  }
}

/** Never kept alive: a connection that somebody else finds in a pool would speak with this identity. */
export function certifiedAgent(
  { certificate, privateKey }: ClientCertificate,
  { apiUrl, caCert, verifySsl }: TlsOptions,
): { readonly https: HttpsAgent } {
  if (!apiUrl.startsWith('https:')) {
    throw new PsiError('CONFIG_INVALID', `a client certificate cannot be shown to ${apiUrl}: it has no TLS`, {
      hint: 'method tls-cert needs an https `api_url`',
    });
  }
  try {
    const context = createSecureContext({
      ...(caCert !== undefined && trusting(caCert)),
      cert: certificate,
      key: privateKey.exposeText(),
    });
    return { https: new HttpsAgent({ rejectUnauthorized: verifySsl, secureContext: context }) };
  } catch (thrown) {
    if (thrown instanceof PsiError) throw thrown;
    const mismatch = thrown instanceof Error && /values mismatch/i.test(thrown.message);
    throw new PsiError(
      'CONFIG_INVALID',
      mismatch ? 'private_key does not belong to certificate' : 'private_key or certificate cannot be read',
      {
        hint: 'both take PEM, the key without a passphrase: `openssl pkey -in KEY -pubout` must print what `openssl x509 -in CERT -noout -pubkey` prints',
      },
    );
  }
}
