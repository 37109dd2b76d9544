// Login with a client certificate: the connection shows it, and the proxy in front of Infisical hands it on.

import type { X509Certificate } from 'node:crypto';
import { secretField, toSecretField } from '../../../config/schema/secret-field.ts';
import { section, word } from '../../../config/schema/section.ts';
import type { SecretField } from '../../../core/secret-field.ts';
import { SecretValue } from '../../../core/secret-value.ts';
import { isoTime } from '../../../core/time.ts';
import { certificatesIn } from '../certificates-in.ts';
import { oneLine } from '../words.ts';
import { identityBody, type ByIdentity, type Login, type LoginTools } from './login.ts';
import { authMethod, byIdentity, BY_IDENTITY, ORGANIZATION } from './method.ts';

type TlsCertAuth = ByIdentity & {
  readonly method: 'tls-cert';
  readonly certificate: SecretField;
  readonly privateKey: SecretField;
};

export const tlsCert = authMethod({
  method: 'tls-cert',
  codec: section(
    { method: word('tls-cert'), ...BY_IDENTITY, certificate: secretField, private_key: secretField },
    ORGANIZATION,
  ),
  assemble: (raw): TlsCertAuth => ({
    ...byIdentity(raw),
    method: raw.method,
    certificate: toSecretField(raw.certificate),
    privateKey: toSecretField(raw.private_key),
  }),
  login,
});

const HINT =
  'compare authority and allowed common names of the TLS certificate auth of the identity in infisical; the proxy in front of it has to ask for a client certificate and pass it on as x-identity-tls-cert-auth-client-cert';

function login(auth: TlsCertAuth, tools: LoginTools): Login {
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
        clientCertificate: {
          certificate: certificate.exposeText(),
          privateKey,
          certificateFile: fileOf(auth.certificate),
          privateKeyFile: fileOf(auth.privateKey),
        },
        refusedHint: hintFor(certificate.exposeText(), who, { now: tools.now(), file: fileOf(auth.certificate) }),
      };
      return {
        anchor: SecretValue.fromText(`${certificate.exposeText()}\n${privateKey.exposeText()}`),
        request: () => Promise.resolve(request),
      };
    },
    refusedHint: HINT,
    since: 'the summer of 2025',
  };
}

function fileOf(field: SecretField): string | undefined {
  return field.kind === 'file' ? field.path : undefined;
}

type HintContext = { readonly now: number; readonly file: string | undefined };

function hintFor(pem: string, who: string, { now, file }: HintContext): string {
  const certificate = ownOf(pem, who, file);
  if (certificate.validToDate.getTime() <= now) {
    return `the certificate ended at ${isoTime(certificate.validToDate.getTime())}: put a new one and its key in their places`;
  }
  return `${HINT}; the certificate is ${oneLine(certificate.subject)} by ${oneLine(certificate.issuer)}`;
}

/** The first: that of the identity, with its issuers behind it. All of them are read: a damaged one would end the chain. */
function ownOf(pem: string, who: string, file: string | undefined): X509Certificate {
  const [{ facts }] = certificatesIn(pem, `\`certificate\` of ${who}`, file);
  return facts;
}
