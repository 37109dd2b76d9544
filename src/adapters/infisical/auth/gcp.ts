// Login with a Google identity: the instance's identity token from its metadata service (type gce), or a JWT that the key of a service
// account signs here (type iam). Both by Google's own package.

import { secretField, toSecretField } from '../../../config/schema/secret-field.ts';
import { section, word } from '../../../config/schema/section.ts';
import { PsiError } from '../../../core/error.ts';
import type { SecretField } from '../../../core/secret-field.ts';
import type { SecretValue } from '../../../core/secret-value.ts';
import { decodeServiceAccountKey } from '../codec.ts';
import { claimsOf } from './jwt-claims.ts';
import { identityBody, type ByIdentity, type Login, type LoginRequest, type LoginTools } from './login.ts';
import { authMethod, byIdentity, BY_IDENTITY, ORGANIZATION } from './method.ts';
import { fromPlatform, hostAnchor } from './platform.ts';

/** With a service account's key a self-signed token (`iam`), without one the instance's identity token (`gce`). */
type GcpAuth = ByIdentity & {
  readonly method: 'gcp';
  readonly serviceAccountKey: SecretField | undefined;
};

export const gcp = authMethod({
  method: 'gcp',
  codec: section({ method: word('gcp'), ...BY_IDENTITY }, { ...ORGANIZATION, service_account_key: secretField }),
  assemble: (raw): GcpAuth => {
    const key = raw.service_account_key;
    const serviceAccountKey = key === undefined ? undefined : toSecretField(key);
    return { ...byIdentity(raw), method: raw.method, serviceAccountKey };
  },
  login,
});

const COMPARE = 'compare service accounts, projects and zones of the GCP auth of the identity in infisical';

function login(auth: GcpAuth, tools: LoginTools): Login {
  const { method, identityId, organization, serviceAccountKey } = auth;
  const type = serviceAccountKey === undefined ? 'gce' : 'iam';
  const requestWith = (jwt: string): LoginRequest => ({
    path: '/api/v1/auth/gcp-auth/login',
    body: { ...identityBody(auth), jwt },
    refusedHint: `${COMPARE}; its type has to be ${type}, and the token is of ${claimsOf(jwt).sub ?? 'nobody'} for audience ${claimsOf(jwt).aud ?? 'none'}`,
  });
  return {
    method,
    identity: [identityId, type, organization ?? ''],
    who: `identity ${identityId}`,
    prepare: async () => {
      if (serviceAccountKey === undefined) {
        const anchor = await hostAnchor(tools, [tools.env['GCE_METADATA_HOST']]);
        return { anchor, request: async () => requestWith(await instanceToken(identityId)) };
      }
      const key = await tools.resolveSecret(serviceAccountKey);
      return { anchor: key, request: async () => requestWith(await selfSigned(key, identityId)) };
    },
    refusedHint: COMPARE,
  };
}

function instanceToken(audience: string): Promise<string> {
  const failed = {
    message: "google's metadata service gives no identity token to this host",
    hint: 'is this a Compute Engine instance with a service account? elsewhere give `service_account_key`; behind a proxy put metadata.google.internal into NO_PROXY',
  };
  return fromPlatform(
    () => import('google-auth-library'),
    async ({ Compute }) => (await new Compute().fetchIdToken(encodeURIComponent(audience))).trim(),
    failed,
  );
}

async function selfSigned(key: SecretValue, audience: string): Promise<string> {
  const account = decodeServiceAccountKey(key.exposeText());
  if (account === undefined) throw badKey('holds no key of a service account');
  const { JWTAccess } = await import('google-auth-library');
  let header: string | null;
  try {
    const { client_email, private_key, private_key_id } = account;
    header = new JWTAccess(client_email, private_key, private_key_id).getRequestHeaders(audience).get('authorization');
  } catch {
    // Not as a cause: the errors of a signer are about the key.
    throw badKey('holds a private key that cannot sign');
  }
  return (header ?? '').replace(/^Bearer /, '');
}

function badKey(what: string): PsiError {
  return new PsiError('CONFIG_INVALID', `what \`service_account_key\` refers to ${what}`, {
    hint: 'it takes the JSON file that Google gives for a key: with client_email, private_key and private_key_id',
  });
}
