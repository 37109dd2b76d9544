// Metadata services of AWS, Google and Azure on loopback: each insists on what the real one insists on, and logs what was asked.
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';

export type Reply = { readonly status: number; readonly body: string };

export type MetadataDouble = {
  /** Host and port. */
  readonly host: string;
  readonly asked: readonly string[];
  /** Answered to everything, if set. */
  failure: Reply | 'hang' | undefined;
  readonly close: () => Promise<void>;
};

const JSON_TYPE = { 'content-type': 'application/json', 'metadata-flavor': 'Google' };

async function start(answer: (request: IncomingMessage, path: string) => Reply): Promise<MetadataDouble> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(`${request.method ?? ''} ${path}`);
    if (double.failure === 'hang') return;
    const { status, body } = double.failure ?? answer(request, path);
    response.writeHead(status, JSON_TYPE).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const double: MetadataDouble = {
    host: `127.0.0.1:${String(port)}`,
    asked,
    failure: undefined,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return double;
}

const NOT_FOUND: Reply = { status: 404, body: 'not found' };

export type AwsKeys = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken: string };

/** IMDSv2: nothing without its session token. */
export function startAwsMetadata(keys: () => AwsKeys, region = 'eu-central-1'): Promise<MetadataDouble> {
  const session = 'imds-session';
  return start((request, path) => {
    if (path === '/latest/api/token') {
      const ttl = request.headers['x-aws-ec2-metadata-token-ttl-seconds'];
      return request.method === 'PUT' && ttl !== undefined ? { status: 200, body: session } : { status: 400, body: '' };
    }
    if (request.headers['x-aws-ec2-metadata-token'] !== session) return { status: 401, body: '' };
    if (path === '/latest/meta-data/placement/region') return { status: 200, body: region };
    if (/^\/latest\/meta-data\/iam\/security-credentials\/?$/.test(path)) return { status: 200, body: 'psi-role' };
    if (path !== '/latest/meta-data/iam/security-credentials/psi-role') return NOT_FOUND;
    const { accessKeyId, secretAccessKey, sessionToken } = keys();
    const Expiration = new Date(Date.now() + 3_600_000).toISOString();
    const body = { Code: 'Success', Type: 'AWS-HMAC', AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey };
    return { status: 200, body: JSON.stringify({ ...body, Token: sessionToken, Expiration }) };
  });
}

/** Google: only with `Metadata-Flavor: Google`, and identity tokens only in full format. */
export function startGoogleMetadata(mint: (audience: string) => string): Promise<MetadataDouble> {
  return start((request, path) => {
    if (request.headers['metadata-flavor'] !== 'Google') return { status: 403, body: '' };
    const { pathname, searchParams } = new URL(path, 'http://metadata');
    if (pathname !== '/computeMetadata/v1/instance/service-accounts/default/identity') return NOT_FOUND;
    if (searchParams.get('format') !== 'full') return { status: 400, body: 'format' };
    return { status: 200, body: mint(searchParams.get('audience') ?? '') };
  });
}

/** Azure: only with `Metadata: true`. */
export function startAzureMetadata(
  mint: (resource: string, clientId: string | null) => string,
): Promise<MetadataDouble> {
  return start((request, path) => {
    const { pathname, searchParams } = new URL(path, 'http://metadata');
    if (request.headers['metadata'] !== 'true') return { status: 400, body: '{"error":"invalid_request"}' };
    if (
      !/^\/metadata\/identity\/oauth2\/token\/?$/.test(pathname) ||
      searchParams.get('api-version') !== '2018-02-01'
    ) {
      return NOT_FOUND;
    }
    const resource = searchParams.get('resource') ?? '';
    const expires = String(Math.floor(Date.now() / 1000) + 3600);
    const answer = { access_token: mint(resource, searchParams.get('client_id')), token_type: 'Bearer', resource };
    return { status: 200, body: JSON.stringify({ ...answer, expires_in: '3600', expires_on: expires }) };
  });
}
