// Login with an AWS identity: a signed GetCallerIdentity, which Infisical sends to STS itself. Credentials come from AWS's own chain
// (variables, profile, web identity, container, instance), the signature from AWS's own signer.

import { identity as text } from '../../../config/schema/fields.ts';
import { section, word } from '../../../config/schema/section.ts';
import { PsiError } from '../../../core/error.ts';
import { readWays, wayWords } from '../proxy.ts';
import { identityBody, type ByIdentity, type Login, type LoginTools } from './login.ts';
import { authMethod, byIdentity, BY_IDENTITY, ORGANIZATION } from './method.ts';
import { cloudAgent, fromPlatform, hostAnchor } from './platform.ts';

type AwsAuth = ByIdentity & { readonly method: 'aws-iam'; readonly region: string | undefined };

export const awsIam = authMethod({
  method: 'aws-iam',
  codec: section({ method: word('aws-iam'), ...BY_IDENTITY }, { ...ORGANIZATION, region: text }),
  assemble: (raw): AwsAuth => ({ ...byIdentity(raw), method: raw.method, region: raw.region }),
  login,
});

type AwsCredentials = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
};

const BODY = 'Action=GetCallerIdentity&Version=2011-06-15';
const METADATA_TIMEOUT_MS = 1_000;

/** What decides whose credentials the chain finds. */
const SOURCES = ['AWS_PROFILE', 'AWS_ROLE_ARN', 'AWS_ACCESS_KEY_ID', 'AWS_CONTAINER_CREDENTIALS_FULL_URI'] as const;

function login(auth: AwsAuth, tools: LoginTools): Login {
  const { method, identityId, organization } = auth;
  return {
    method,
    identity: [identityId, organization ?? ''],
    who: `identity ${identityId}`,
    prepare: async () => ({
      anchor: await hostAnchor(
        tools,
        SOURCES.map((name) => tools.env[name]),
      ),
      request: async () => {
        const headers = await signedHeaders(await credentials(tools), await regionOf(auth, tools), tools.now());
        return {
          path: '/api/v1/auth/aws-auth/login',
          body: {
            ...identityBody(auth),
            iamHttpRequestMethod: 'POST',
            iamRequestBody: base64(BODY),
            iamRequestHeaders: base64(JSON.stringify(headers)),
          },
        };
      },
    }),
    refusedHint:
      'compare allowed principal ARNs and account ids of the AWS auth of the identity in infisical with `aws sts get-caller-identity` on this host; is its clock right?',
  };
}

async function credentials(tools: LoginTools): Promise<AwsCredentials> {
  const wayTo = await readWays(tools);
  const failed = {
    message: 'aws gives no credentials to this host',
    way: asksTheCloud(tools) ? wayWords(wayTo(new URL('https://sts.amazonaws.com'))) : '',
    hint: 'on EC2: has the instance a role, and is its metadata service on? elsewhere set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in psi.container',
  };
  const httpsAgent = cloudAgent(wayTo);
  return fromPlatform(
    () => import('@aws-sdk/credential-provider-node'),
    // A chain of its own for each login: a kept one would go on giving what was found first.
    ({ defaultProvider }) =>
      defaultProvider({
        timeout: METADATA_TIMEOUT_MS,
        maxRetries: 0,
        // For STS and SSO: the package knows no proxies by itself.
        clientConfig: { requestHandler: { httpsAgent } },
      })(),
    failed,
  );
}

/** A profile or a web identity, and not this host's own services alone. */
function asksTheCloud({ env }: LoginTools): boolean {
  return [env['AWS_WEB_IDENTITY_TOKEN_FILE'], env['AWS_PROFILE']].some((one) => one !== undefined && one !== '');
}

async function regionOf({ region }: AwsAuth, { env }: LoginTools): Promise<string> {
  const known = [region, env['AWS_REGION'], env['AWS_DEFAULT_REGION']].find((one) => one !== undefined && one !== '');
  const found = known ?? (await instanceRegion());
  // It becomes a part of a host name.
  if (/^[a-z0-9-]{1,20}$/.test(found)) return found;
  throw new PsiError('CONFIG_INVALID', 'the aws region of the login is no name of a region', {
    hint: 'set `region` of the auth, such as eu-central-1',
  });
}

function instanceRegion(): Promise<string> {
  const failed = {
    message: 'the aws region of this host is not known',
    hint: 'set `region` of the auth, or AWS_REGION',
  };
  return fromPlatform(
    () => import('@aws-sdk/ec2-metadata-service'),
    async ({ MetadataService }) => {
      const service = new MetadataService({ httpOptions: { timeout: METADATA_TIMEOUT_MS }, retries: 0 });
      // Without a slash in front: the package puts one there itself.
      return (await service.request('latest/meta-data/placement/region', {})).trim();
    },
    failed,
  );
}

async function signedHeaders(
  identity: AwsCredentials,
  region: string,
  now: number,
): Promise<Readonly<Record<string, string>>> {
  const [{ SignatureV4 }, { Hash }] = await Promise.all([import('@smithy/signature-v4'), import('@smithy/core/serde')]);
  const signer = new SignatureV4({
    credentials: identity,
    region,
    service: 'sts',
    sha256: Hash.bind(null, 'sha256'),
    applyChecksum: false,
  });
  // The region's own host: that is where the server sends it. No Accept: it wants STS to answer in JSON and says so itself.
  const hostname = `sts.${region}.amazonaws.com`;
  const headers = {
    Host: hostname,
    'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8',
    'Content-Length': String(BODY.length),
  };
  const request = { method: 'POST', protocol: 'https:', hostname, path: '/', query: {}, headers, body: BODY };
  const signed = (await signer.sign(request, { signingDate: new Date(now) })).headers;
  const { authorization, ...rest } = signed;
  return { ...rest, ...(authorization !== undefined && { Authorization: authorization }) };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
