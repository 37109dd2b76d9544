// Login with a Google identity: the instance's identity token from its metadata service (type gce), or a JWT that the key of a service
// account signs here (type iam), by Google's own package. Its requests are not used: they go by HTTPS_PROXY and HTTP_PROXY, to the
// metadata service too, and only a change of the whole process's environment would keep them from it.

import { setTimeout } from 'node:timers/promises';
import { secretField, toSecretField } from '../../../config/schema/secret-field.ts';
import { section, word } from '../../../config/schema/section.ts';
import { PsiError } from '../../../core/error.ts';
import type { SecretField } from '../../../core/secret-field.ts';
import type { SecretValue } from '../../../core/secret-value.ts';
import { decodeServiceAccountKey } from '../codec.ts';
import { claimsOf } from './jwt-claims.ts';
import { identityBody, type ByIdentity, type Login, type LoginRequest, type LoginTools } from './login.ts';
import { authMethod, byIdentity, BY_IDENTITY, ORGANIZATION } from './method.ts';
import { askMetadata, type MetadataAnswer } from './metadata.ts';
import { fromPlatform, hostAnchor, LIMIT_MS } from './platform.ts';

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

const AGAIN_MS = 200;

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
        return { anchor, request: async () => requestWith(await instanceToken(identityId, tools)) };
      }
      const key = await tools.resolveSecret(serviceAccountKey);
      return { anchor: key, request: async () => requestWith(await selfSigned(key, identityId)) };
    },
    refusedHint: COMPARE,
  };
}

/** The addresses that Google's own packages take, and in their order. */
function metadataOrigin(env: LoginTools['env']): string {
  const named = [env['GCE_METADATA_IP'], env['GCE_METADATA_HOST']].find((one) => one !== undefined && one !== '');
  const origin = named ?? '169.254.169.254';
  return /^https?:\/\//.test(origin) ? origin : `http://${origin}`;
}

function instanceToken(audience: string, { env }: LoginTools): Promise<string> {
  const query = new URLSearchParams({ audience, format: 'full' }).toString();
  const path = `/computeMetadata/v1/instance/service-accounts/default/identity?${query}`;
  const failed = {
    message: "google's metadata service gives no identity token to this host",
    hint: 'is this a Compute Engine instance with a service account? elsewhere give `service_account_key`',
  };
  return fromPlatform(
    () => Promise.resolve(metadataOrigin(env)),
    async (origin) => {
      const headers = { 'metadata-flavor': 'Google' };
      const answer = await withOneMore(() =>
        askMetadata(`${origin}${path}`, { headers, timeoutMs: LIMIT_MS + AGAIN_MS }),
      );
      if (answer.status !== 200) throw Object.assign(new Error('refused'), { status: answer.status });
      // Whatever else answers at this address is not Google's.
      if (answer.headers['metadata-flavor'] !== 'Google') throw new Error('no metadata service');
      return answer.body.trim();
    },
    failed,
  );
}

/** A metadata service that is busy says so, and is asked again once. */
async function withOneMore(ask: () => Promise<MetadataAnswer>): Promise<MetadataAnswer> {
  const first = await ask();
  if (first.status < 500 && first.status !== 429) return first;
  await setTimeout(AGAIN_MS);
  return ask();
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
