// Logins with a cloud's own identity: what the metadata service is asked, what the server gets, and what it says when either refuses.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import type { Auth } from '../../../src/adapters/infisical/auth/methods.ts';
import type { SecretSource } from '../../../src/provider/secret-source.ts';
import { acceptAws } from '../../doubles/infisical/aws-rule.ts';
import { acceptJwt } from '../../doubles/infisical/machine-logins.ts';
import { mintJwt } from '../../doubles/jwt.ts';
import {
  startAwsMetadata,
  startAzureMetadata,
  startGoogleMetadata,
  type MetadataDouble,
} from '../../doubles/metadata.ts';
import { BY_IDENTITY, IDENTITY, readA, startIdentityStage, type IdentityStage } from './identity-stage.ts';
import { at } from './stage.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const EMPTY = '/dev/null';
/** Of the vendors' packages, which read the process's own environment. */
const VARIABLES = [
  'AWS_EC2_METADATA_SERVICE_ENDPOINT',
  'AWS_CONFIG_FILE',
  'AWS_SHARED_CREDENTIALS_FILE',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_PROFILE',
  'GCE_METADATA_HOST',
  'AZURE_POD_IDENTITY_AUTHORITY_HOST',
] as const;
const inherited = new Map(VARIABLES.map((name) => [name, process.env[name]]));

let stage: IdentityStage;
let metadata: MetadataDouble;
/** One for all: the package keeps the address it found first for the whole process. */
let azureMetadata: MetadataDouble;
const set = (variables: Partial<Record<(typeof VARIABLES)[number], string>>): void => {
  for (const name of VARIABLES) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, variables);
};

// The packages tell the time by themselves, so the server goes by the machine's clock too.
beforeEach(async () => {
  stage = await startIdentityStage({ double: { now: Date.now } });
});
afterEach(async () => {
  await stage.stop();
  if (metadata !== azureMetadata) await metadata.close();
  for (const [name, value] of inherited) {
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  }
});

const absent = (message: RegExp, hint: RegExp) => ({ code: 'PROVIDER_DOWN', retry: 'later', message, hint });
const exp = (): number => Math.floor(Date.now() / 1000) + 600;

describe('aws-iam', () => {
  const ARN = 'arn:aws:iam::123456789012:role/psi-role';
  const keys = { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'canary/secret', sessionToken: 'canary//session==' };
  const auth = { method: 'aws-iam', ...BY_IDENTITY, region: undefined } as const;
  const allow = (allowedArns: readonly string[] = [ARN]): void => {
    const rule = acceptAws({ keys: () => keys, arn: ARN, allowedArns });
    stage.double.logins.allow({ method: 'aws-auth', identityId: IDENTITY, rule });
  };
  beforeEach(async () => {
    // PSI's clock signs, so here both stand still together.
    await stage.stop();
    stage = await startIdentityStage();
    metadata = await startAwsMetadata(() => keys);
    set({
      AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://${metadata.host}`,
      AWS_CONFIG_FILE: EMPTY,
      AWS_SHARED_CREDENTIALS_FILE: EMPTY,
    });
    allow();
  });

  test('signs for the region and with the role of the instance', async () => {
    assert.equal(await readA(stage.as(auth)), 'value of A');
    assert.ok(metadata.asked.includes('PUT /latest/api/token'));
    assert.ok(metadata.asked.includes('GET /latest/meta-data/placement/region'));
  });

  test('signs for the region of the config, then of the environment, without asking for one', async () => {
    await readA(stage.as({ ...auth, region: 'us-west-2' }));
    stage.tokens.files.clear();
    await readA(stage.as(auth, { env: { AWS_REGION: 'eu-west-1' } }));
    assert.equal(stage.logins(), 2);
    assert.ok(!metadata.asked.some((path) => path.endsWith('/region')));
  });

  test('keeps the token for this boot, and asks nobody meanwhile', async () => {
    await readA(stage.as(auth));
    const count = metadata.asked.length;
    await readA(stage.as(auth));
    assert.deepEqual([stage.logins(), metadata.asked.length], [1, count]);
    await readA(stage.as(auth, { bootId: () => Promise.resolve('another boot') }));
    await readA(stage.as(auth, { env: { AWS_PROFILE: 'other' } }));
    assert.equal(stage.logins(), 3);
  });

  test('on a host without its metadata service says so', async () => {
    await metadata.close();
    await assert.rejects(
      readA(stage.as(auth)),
      absent(/^aws gives no credentials to this host \(/, /has the instance a role/),
    );
    metadata = await startAwsMetadata(() => keys);
  });

  test('with a metadata service that never answers gives up after seconds', async () => {
    metadata.failure = 'hang';
    await assert.rejects(readA(stage.as(auth)), absent(/^aws gives no credentials/, /metadata service on/));
  });

  test('of a principal that is not allowed says what to compare', async () => {
    allow(['arn:aws:iam::123456789012:role/another']);
    await assert.rejects(readA(stage.as(auth)), (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, 'PROVIDER_DENIED');
      assert.match(error.message, /AWS principal ARN not allowed/);
      assert.match(error.hint ?? '', /allowed principal ARNs.*aws sts get-caller-identity/);
      assert.doesNotMatch(JSON.stringify(error) + error.message, /canary/);
      return true;
    });
  });

  test('for something that is no region fails before it asks the server', async () => {
    await assert.rejects(readA(stage.as({ ...auth, region: 'evil.example/' })), { code: 'CONFIG_INVALID' });
    assert.equal(stage.logins(), 0);
  });
});

describe('gcp', () => {
  const as = (one: Auth): SecretSource => stage.as(one, { env: process.env });
  const auth = { method: 'gcp', ...BY_IDENTITY, serviceAccountKey: undefined } as const;
  beforeEach(async () => {
    metadata = await startGoogleMetadata((aud) =>
      mintJwt({ iss: 'https://accounts.google.com', sub: '42', aud, exp: exp() }, privateKey),
    );
    set({ GCE_METADATA_HOST: metadata.host });
    const rule = acceptJwt({ key: publicKey, issuer: 'https://accounts.google.com', audience: IDENTITY });
    stage.double.logins.allow({ method: 'gcp-auth', identityId: IDENTITY, rule });
  });

  test('logs in with the identity token of the instance, in full, for the identity as audience', async () => {
    assert.equal(await readA(as(auth)), 'value of A');
    assert.equal(await readA(as(auth)), 'value of A');
    assert.equal(stage.logins(), 1);
    assert.equal(metadata.asked.length, 1);
  });

  test('that is refused says of whom the token is and which type it needs', async () => {
    const rule = acceptJwt({ key: publicKey, issuer: 'https://accounts.google.com', audience: 'another' });
    stage.double.logins.allow({ method: 'gcp-auth', identityId: IDENTITY, rule });
    await assert.rejects(readA(as(auth)), {
      code: 'PROVIDER_DENIED',
      message: /audience not allowed/,
      hint: /type has to be gce, and the token is of 42 for audience 1c2d3e4f/,
    });
  });

  test('on a host whose metadata service refuses or never answers says so', async () => {
    metadata.failure = { status: 403, body: 'canary' };
    await assert.rejects(
      readA(as(auth)),
      absent(/^google's metadata service gives no identity token to this host \(status 403\)$/, /Compute Engine/),
    );
    metadata.failure = 'hang';
    await assert.rejects(readA(as(auth)), absent(/\(no answer within 4 s\)$/, /Compute Engine/));
  });

  describe('with the key of a service account', () => {
    const email = 'psi@project.iam.gserviceaccount.com';
    const withKey = { ...auth, serviceAccountKey: at('key file') } as const;
    const key = (more: object = {}): string =>
      JSON.stringify({
        client_email: email,
        private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
        private_key_id: 'key-1',
        ...more,
      });
    beforeEach(() => {
      stage.fields.set('key file', key());
      const rule = acceptJwt({ key: publicKey, issuer: email, audience: IDENTITY, subject: email });
      stage.double.logins.allow({ method: 'gcp-auth', identityId: IDENTITY, rule });
    });

    test('signs a token for the identity by itself', async () => {
      assert.equal(await readA(as(withKey)), 'value of A');
      assert.equal(metadata.asked.length, 0);
    });

    test('that is none, or cannot sign, says so and not what it is', async () => {
      stage.fields.set('key file', '{"canary":1}');
      await assert.rejects(readA(as(withKey)), {
        code: 'CONFIG_INVALID',
        message: /holds no key of a service account$/,
      });
      stage.fields.set('key file', key({ private_key: 'canary' }));
      await assert.rejects(readA(as(withKey)), {
        code: 'CONFIG_INVALID',
        message: /a private key that cannot sign$/,
      });
    });
  });
});

describe('azure', () => {
  const RESOURCE = 'https://management.azure.com/';
  const ISSUER = 'https://sts.windows.net/tenant/';
  const auth = { method: 'azure', ...BY_IDENTITY, resource: RESOURCE, managedIdentity: undefined } as const;
  before(async () => {
    azureMetadata = await startAzureMetadata((aud, clientId) =>
      mintJwt({ iss: ISSUER, aud, oid: 'principal', appid: clientId, exp: exp() }, privateKey),
    );
  });
  after(() => azureMetadata.close());
  beforeEach(() => {
    metadata = azureMetadata;
    metadata.failure = undefined;
    set({ AZURE_POD_IDENTITY_AUTHORITY_HOST: `http://${metadata.host}` });
    const rule = acceptJwt({ key: publicKey, issuer: ISSUER, audience: RESOURCE });
    stage.double.logins.allow({ method: 'azure-auth', identityId: IDENTITY, rule });
  });

  test('logs in with the token of the managed identity, and asks for it anew for each login', async () => {
    const source = stage.as(auth);
    const asked = metadata.asked.length;
    assert.equal(await readA(source), 'value of A');
    stage.double.revokeTokens();
    assert.equal(await readA(source), 'value of A');
    assert.deepEqual([stage.logins(), metadata.asked.length - asked], [2, 2]);
  });

  test('names a user-assigned identity', async () => {
    await readA(stage.as({ ...auth, managedIdentity: 'client-7' }));
    assert.match(metadata.asked.at(-1) ?? '', /client_id=client-7/);
  });

  test('for another resource than the server expects says which the token has', async () => {
    await assert.rejects(readA(stage.as({ ...auth, resource: 'https://vault.azure.net' })), {
      code: 'PROVIDER_DENIED',
      hint: /compare tenant, resource.*the token has issuer https:\/\/sts\.windows\.net\/tenant\/, audience https:\/\/vault\.azure\.net/,
    });
  });

  test('on a host without its metadata service, or where it never answers, says so', async () => {
    metadata.failure = 'hang';
    await assert.rejects(readA(stage.as(auth)), absent(/^azure's metadata service gives no token/, /managed identity/));
    metadata.failure = { status: 400, body: '{"error":"invalid_request","error_description":"Identity not found"}' };
    await assert.rejects(readA(stage.as(auth)), absent(/^azure's metadata service gives no token/, /user-assigned/));
  });
});
