// Logins with a JWT of somebody else: what is sent, which token is kept, and what a refusal says.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { acceptJwt, type LoginMethod } from '../../doubles/infisical/machine-logins.ts';
import { mintJwt, type Claims } from '../../doubles/jwt.ts';
import { BY_IDENTITY, IDENTITY, readA, startIdentityStage, type IdentityStage } from './identity-stage.ts';
import { at } from './stage.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ISSUER = 'https://issuer.example';
const AUDIENCE = 'https://infisical.example';

let stage: IdentityStage;
const seconds = (): number => Math.floor(stage.clock.now() / 1000);
const jwt = (claims: Claims = {}): string =>
  mintJwt({ iss: ISSUER, sub: 'host-1', aud: AUDIENCE, iat: seconds(), exp: seconds() + 600, ...claims }, privateKey);

beforeEach(async () => {
  stage = await startIdentityStage();
  stage.fields.set('token file', `${jwt()}\n`);
});
afterEach(() => stage.stop());

const METHODS = [
  ['oidc', 'oidc-auth', /compare issuer, subject, audiences and claims of the OIDC auth/, /platform or command/],
  ['jwt', 'jwt-auth', /compare keys, issuer, subject, audiences and claims of the JWT auth/, /whoever signs it/],
  [
    'kubernetes',
    'kubernetes-auth',
    /allowed names, namespaces and audience of the Kubernetes auth/,
    /the kubelet renews/,
  ],
] as const satisfies readonly (readonly [string, LoginMethod, RegExp, RegExp])[];

for (const [method, route, compare, renewal] of METHODS) {
  describe(method, () => {
    const auth = { method, ...BY_IDENTITY, jwt: at('token file') } as const;
    beforeEach(() => {
      const rule = acceptJwt({ key: publicKey, issuer: ISSUER, audience: AUDIENCE, subject: 'host-1' });
      stage.double.logins.allow({ method: route, identityId: IDENTITY, rule });
    });

    test('logs in with the token of the file', async () => {
      assert.equal(await readA(stage.as(auth)), 'value of A');
      assert.equal(stage.double.calls.find(({ kind }) => kind === 'login')?.path, `/api/v1/auth/${route}/login`);
    });

    test('of the wrong audience says what the token has, and what to compare', async () => {
      stage.fields.set('token file', jwt({ aud: 'another' }));
      await assert.rejects(readA(stage.as(auth)), (error: Error & { hint?: string }) => {
        assert.match(error.message, /refuses the login of identity 1c2d3e4f.*: Access denied: audience not allowed/);
        assert.match(error.hint ?? '', compare);
        assert.match(
          error.hint ?? '',
          /the token has issuer https:\/\/issuer\.example, subject host-1, audience another$/,
        );
        return true;
      });
    });

    test('that has ended says when, and who has to renew it', async () => {
      await stage.clock.advance(601_000);
      await assert.rejects(readA(stage.as(auth)), (error: Error & { code?: string; hint?: string }) => {
        assert.equal(error.code, 'PROVIDER_DENIED');
        assert.match(error.message, /jwt expired/);
        assert.match(error.hint ?? '', /^the token ended at 2026-01-01T00:10:00.000Z: /);
        assert.match(error.hint ?? '', renewal);
        return true;
      });
    });

    test('without this auth in infisical says so', async () => {
      const another = { ...auth, identityId: 'another-identity' };
      await assert.rejects(readA(stage.as(another)), {
        code: 'PROVIDER_DENIED',
        message: new RegExp(`does not find what the login of identity another-identity \\(${method}\\) names`),
        hint: new RegExp(`the identity in infisical has ${method} auth`),
      });
    });
  });
}

describe('a login with a JWT', () => {
  const auth = { method: 'jwt', ...BY_IDENTITY, jwt: at('token file') } as const;
  beforeEach(() => {
    const rule = acceptJwt({ key: publicKey, issuer: ISSUER, audience: AUDIENCE });
    stage.double.logins.allow({ method: 'jwt-auth', identityId: IDENTITY, rule });
  });

  test('is not repeated after a restart, though the token was renewed meanwhile', async () => {
    await readA(stage.as(auth));
    await stage.clock.advance(60_000);
    stage.fields.set('token file', jwt());
    await readA(stage.as(auth));
    assert.equal(stage.logins(), 1);
  });

  test('is made anew for another subject', async () => {
    await readA(stage.as(auth));
    stage.fields.set('token file', jwt({ sub: 'host-2' }));
    await readA(stage.as(auth));
    assert.equal(stage.logins(), 2);
  });

  test('that was refused is repeated as soon as the file holds another token', async () => {
    const source = stage.as(auth);
    stage.fields.set('token file', jwt({ aud: 'another' }));
    await assert.rejects(readA(source), { code: 'PROVIDER_DENIED' });
    await assert.rejects(readA(source), { code: 'PROVIDER_DENIED' });
    assert.equal(stage.logins(), 1);
    stage.fields.set('token file', jwt());
    assert.equal(await readA(source), 'value of A');
  });

  test('reads the file anew when the access token is no longer taken', async () => {
    const source = stage.as(auth);
    await readA(source);
    await stage.clock.advance(601_000);
    stage.double.revokeTokens();
    stage.fields.set('token file', jwt());
    assert.equal(await readA(source), 'value of A');
  });

  test('sends nothing that is no JWT, and does not repeat it', async () => {
    for (const text of ['canary', '{"token":"canary"}', `${jwt()} ${jwt()}`, 'a..']) {
      stage.fields.set('token file', text);
      await assert.rejects(readA(stage.as(auth)), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'CONFIG_INVALID');
        assert.match(error.message, /what `jwt` of identity 1c2d3e4f.* refers to holds no JWT/);
        assert.doesNotMatch(JSON.stringify(error) + error.message, /canary|eyJ/);
        return true;
      });
    }
    assert.equal(stage.logins(), 0);
  });

  test('runs a command once per login, and not at all for a token that is kept', async () => {
    let runs = 0;
    const resolveSecret = (): Promise<SecretValue> => {
      runs += 1;
      return Promise.resolve(SecretValue.fromText(jwt()));
    };
    const command = { ...auth, jwt: { kind: 'command', argv: ['/usr/bin/helper'] } } as const;
    await readA(stage.as(command, { resolveSecret }));
    await readA(stage.as(command, { resolveSecret }));
    assert.deepEqual([runs, stage.logins()], [1, 1]);
    await readA(stage.as(command, { resolveSecret, bootId: () => Promise.resolve('another boot') }));
    assert.deepEqual([runs, stage.logins()], [2, 2]);
    const other = { ...auth, jwt: { kind: 'command', argv: ['/usr/bin/helper', '--other'] } } as const;
    await readA(stage.as(other, { resolveSecret, bootId: () => Promise.resolve('another boot') }));
    assert.deepEqual([runs, stage.logins()], [3, 3]);
  });
});
