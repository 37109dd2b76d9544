// Login with a managed identity of Azure (virtual machines, and hosts elsewhere by Azure Arc), by Microsoft's own package. Its HTTP is
// done here, so that time limits hold and no proxy is asked for an address of this host.

import { identity } from '../../../config/schema/fields.ts';
import { section, word } from '../../../config/schema/section.ts';
import { identityBody, type ByIdentity, type Login, type LoginTools } from './login.ts';
import { claimsOf } from './jwt-claims.ts';
import { askMetadata } from './metadata.ts';
import { authMethod, byIdentity, BY_IDENTITY, ORGANIZATION } from './method.ts';
import { fromPlatform, hostAnchor } from './platform.ts';

type AzureAuth = ByIdentity & {
  readonly method: 'azure';
  readonly resource: string;
  /** Client id of a user-assigned identity. */
  readonly managedIdentity: string | undefined;
};

const RESOURCE = 'https://management.azure.com/';

export const azure = authMethod({
  method: 'azure',
  codec: section(
    { method: word('azure'), ...BY_IDENTITY },
    { ...ORGANIZATION, resource: identity, client_id: identity },
  ),
  assemble: (raw): AzureAuth => ({
    ...byIdentity(raw),
    method: raw.method,
    resource: raw.resource ?? RESOURCE,
    managedIdentity: raw.client_id,
  }),
  login,
});

const COMPARE =
  'compare tenant, resource and allowed service principals of the Azure auth of the identity in infisical';
const REQUEST_TIMEOUT_MS = 2_000;

function login(auth: AzureAuth, tools: LoginTools): Login {
  const { method, identityId, organization, resource, managedIdentity } = auth;
  return {
    method,
    identity: [identityId, resource, managedIdentity ?? '', organization ?? ''],
    who: `identity ${identityId}`,
    prepare: async () => ({
      anchor: await hostAnchor(tools, [tools.env['AZURE_POD_IDENTITY_AUTHORITY_HOST'], tools.env['IDENTITY_ENDPOINT']]),
      request: async () => {
        const jwt = await platformToken(auth);
        const { iss, aud } = claimsOf(jwt);
        return {
          path: '/api/v1/auth/azure-auth/login',
          body: { ...identityBody(auth), jwt },
          refusedHint: `${COMPARE}; the token has issuer ${iss ?? 'none'}, audience ${aud ?? 'none'}`,
        };
      },
    }),
    refusedHint: COMPARE,
  };
}

function platformToken({ resource, managedIdentity }: AzureAuth): Promise<string> {
  const failed = {
    message: "azure's metadata service gives no token to this host",
    hint: 'has the machine a managed identity? one that is user-assigned is named by `client_id`, and `resource` has to be one that the tenant knows',
  };
  return fromPlatform(
    () => import('@azure/msal-node'),
    async ({ ManagedIdentityApplication }) => {
      const application = new ManagedIdentityApplication({
        ...(managedIdentity !== undefined && { managedIdentityIdParams: { userAssignedClientId: managedIdentity } }),
        system: { networkClient: direct, disableInternalRetries: true },
      });
      // The package keeps tokens for the whole process: one that was refused would come again.
      return (await application.acquireToken({ resource, forceRefresh: true })).accessToken;
    },
    failed,
  );
}

type Sent = { readonly headers?: Record<string, string>; readonly body?: string };
type Received<T> = { headers: Record<string, string>; body: T; status: number };

const direct = {
  sendGetRequestAsync: <T>(url: string, options?: Sent): Promise<Received<T>> => send('GET', url, options),
  sendPostRequestAsync: <T>(url: string, options?: Sent): Promise<Received<T>> => send('POST', url, options),
};

async function send<T>(method: 'GET' | 'POST', url: string, { headers = {}, body }: Sent = {}): Promise<Received<T>> {
  const answer = await askMetadata(url, { method, headers, body, timeoutMs: REQUEST_TIMEOUT_MS });
  return { headers: { ...answer.headers }, body: jsonOf(answer.body) as T, status: answer.status };
}

/** A refusal that is no JSON is told by its status. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
