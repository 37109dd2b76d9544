// Login with a client certificate: the connection shows it, and the proxy in front of Infisical hands it on.

import { X509Certificate } from 'node:crypto';
import { PsiError } from '../../../core/error.ts';
import { SecretValue } from '../../../core/secret-value.ts';
import { isoTime } from '../../../core/time.ts';
import { oneLine } from '../words.ts';
import { identityBody, type ByIdentity, type Login, type LoginTools } from './login.ts';

export type TlsCertAuth<Field> = ByIdentity & {
  readonly method: 'tls-cert';
  readonly certificate: Field;
  readonly privateKey: Field;
};

const HINT =
  'compare authority and allowed common names of the TLS certificate auth of the identity in infisical; the proxy in front of it has to ask for a client certificate and pass it on as x-identity-tls-cert-auth-client-cert';

export function tlsCert<Field>(auth: TlsCertAuth<Field>, tools: LoginTools<Field>): Login {
  const { method, identityId, organization } = auth;
  const who = `identity ${identityId}`;
  return {
    method,
    identity: [identityId, organization ?? ''],
    who,
    prepare: async () => {
      const certificate = await tools.resolveSecret(auth.certificate);
      const privateKey = await tools.resolveSecret(auth.privateKey);
      const request = {
        path: '/api/v1/auth/tls-cert-auth/login',
        body: identityBody(auth),
        clientCertificate: { certificate: certificate.exposeText(), privateKey },
        refusedHint: hintFor(certificate.exposeText(), who, tools.now()),
      };
      return {
        anchor: SecretValue.fromText(`${certificate.exposeText()}\n${privateKey.exposeText()}`),
        request: () => Promise.resolve(request),
      };
    },
    refusedHint: HINT,
  };
}

function hintFor(pem: string, who: string, now: number): string {
  const certificate = readCertificate(pem, who);
  if (certificate.validToDate.getTime() <= now) {
    return `the certificate ended at ${isoTime(certificate.validToDate.getTime())}: put a new one and its key in their places`;
  }
  return `${HINT}; the certificate is ${oneLine(certificate.subject)} by ${oneLine(certificate.issuer)}`;
}

function readCertificate(pem: string, who: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new PsiError('CONFIG_INVALID', `\`certificate\` of ${who} holds no certificate that can be read`, {
      hint: 'it takes PEM: `openssl x509 -in FILE -noout -subject` must print a name',
    });
  }
}
