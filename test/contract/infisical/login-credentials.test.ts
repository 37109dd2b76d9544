// Logins with a password, a client certificate, and with a token that needs no login.
import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, describe, test } from 'node:test';
import { acceptCertificate, acceptLdap } from '../../doubles/infisical/machine-logins.ts';
import { makeTestAuthority, type TestAuthority } from '../../doubles/infisical/test-authority.ts';
import { mintJwt } from '../../doubles/jwt.ts';
import { BY_IDENTITY, IDENTITY, readA, startIdentityStage, type IdentityStage } from './identity-stage.ts';
import { at, CLIENT_SECRET } from './stage.ts';

let stage: IdentityStage;
let authority: TestAuthority;
before(async () => {
  authority = await makeTestAuthority();
});
afterEach(() => stage.stop());

describe('ldap', () => {
  const PASSWORD = 'canary-correct-horse';
  const auth = { method: 'ldap', ...BY_IDENTITY, username: 'psi', password: at('password') } as const;
  beforeEach(async () => {
    stage = await startIdentityStage();
    stage.fields.set('password', PASSWORD);
    const rule = acceptLdap({ username: 'psi', password: PASSWORD });
    stage.double.logins.allow({ method: 'ldap-auth', identityId: IDENTITY, rule });
  });

  test('logs in with user name and password', async () => {
    assert.equal(await readA(stage.as(auth)), 'value of A');
  });

  test('keeps the token for the next start, unless the password is another by then', async () => {
    await readA(stage.as(auth));
    await readA(stage.as(auth));
    assert.equal(stage.logins(), 1);
    assert.doesNotMatch(JSON.stringify([...stage.tokens.files]), /canary/);
    stage.fields.set('password', 'another-password');
    await assert.rejects(readA(stage.as(auth)), { code: 'PROVIDER_DENIED' });
  });

  test('with a wrong password names the user and where to look, and is not repeated for a minute', async () => {
    stage.fields.set('password', 'wrong-canary-password');
    const source = stage.as(auth);
    for (let call = 0; call < 3; call += 1) {
      await assert.rejects(readA(source), {
        code: 'PROVIDER_DENIED',
        message: /refuses the login of user psi \(ldap\): Invalid credentials/,
        hint: /check username and password against the directory/,
      });
    }
    assert.equal(stage.logins(), 1);
  });
});

describe('tls-cert', () => {
  const auth = { method: 'tls-cert', ...BY_IDENTITY, certificate: at('certificate'), privateKey: at('key') } as const;
  const start = async (clients: { readonly ca: string; readonly must: boolean } | undefined): Promise<void> => {
    const tls = { ...authority.server, clients };
    stage = await startIdentityStage({ double: { tls }, source: { caCert: authority.ca } });
    stage.fields.set('certificate', authority.client.cert);
    stage.fields.set('key', authority.client.key);
    const rule = acceptCertificate({ ca: authority.ca, commonName: 'psi-host' });
    stage.double.logins.allow({ method: 'tls-cert-auth', identityId: IDENTITY, rule });
  };

  test('shows the certificate for the login, and keeps the token while it is the same', async () => {
    await start({ ca: authority.ca, must: false });
    assert.equal(await readA(stage.as(auth)), 'value of A');
    assert.equal(await readA(stage.as(auth)), 'value of A');
    assert.equal(stage.logins(), 1);
    const other = await makeTestAuthority();
    stage.fields.set('certificate', other.client.cert);
    stage.fields.set('key', other.client.key);
    await assert.rejects(readA(stage.as(auth)), {
      code: 'PROVIDER_DENIED',
      message: /Certificate not signed by provided CA/,
      hint: /compare authority and allowed common names.*; the certificate is CN=psi-host by CN=double test authority/,
    });
  });

  test('that nobody asked for is missed by the server, and the hint names the proxy', async () => {
    await start(undefined);
    await assert.rejects(readA(stage.as(auth)), {
      code: 'PROVIDER_DENIED',
      message: /\(400\): Missing TLS certificate in header/,
      hint: /the proxy in front of it has to ask for a client certificate/,
    });
  });

  test('that has ended says when', async () => {
    await start({ ca: authority.ca, must: false });
    await stage.clock.advance(10 * 365 * 24 * 3_600_000);
    await assert.rejects(readA(stage.as(auth)), {
      message: /Certificate has expired/,
      hint: /^the certificate ended at 20\d\d-.*: put a new one and its key in their places$/,
    });
  });

  test('that a strict proxy does not trust is told apart from a broken connection', async () => {
    const other = await makeTestAuthority();
    await start({ ca: other.ca, must: true });
    await assert.rejects(readA(stage.as(auth)), {
      code: 'PROVIDER_DOWN',
      message: /does not take the client certificate \(ERR_SSL_\w+\)|closed the connection/,
    });
  });

  test('with another key, with no certificate, or over plain http fails before it connects', async () => {
    await start({ ca: authority.ca, must: false });
    stage.fields.set('key', authority.server.key);
    await assert.rejects(readA(stage.as(auth)), {
      code: 'CONFIG_INVALID',
      message: 'private_key does not belong to certificate',
    });
    stage.fields.set('key', 'canary');
    await assert.rejects(readA(stage.as(auth)), {
      code: 'CONFIG_INVALID',
      message: 'private_key has no PEM block',
    });
    stage.fields.set('certificate', 'canary');
    await assert.rejects(readA(stage.as(auth)), { code: 'CONFIG_INVALID', message: /holds no certificate/ });
    stage.fields.set('certificate', authority.client.cert);
    await assert.rejects(readA(stage.as(auth, { apiUrl: 'http://127.0.0.1:9' })), {
      code: 'CONFIG_INVALID',
      message: /cannot be shown to http:\/\/127/,
      hint: /https `api_url`/,
    });
    assert.equal(stage.double.count(), 0);
  });
});

describe('token', () => {
  const auth = { method: 'token', accessToken: at('access token') } as const;
  const issue = async (): Promise<string> => {
    const response = await fetch(`${stage.double.url}/api/v1/auth/universal-auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify({ clientId: 'client-1', clientSecret: CLIENT_SECRET }),
    });
    const { accessToken } = (await response.json()) as { accessToken: string };
    stage.double.clearCalls();
    return accessToken;
  };
  beforeEach(async () => {
    stage = await startIdentityStage();
    stage.fields.set('access token', `${await issue()}\n`);
  });

  test('is used as it is: no login, and nothing kept on disk', async () => {
    assert.equal(await readA(stage.as(auth)), 'value of A');
    assert.equal(stage.logins(), 0);
    assert.equal(stage.tokens.files.size, 0);
  });

  test('that is replaced counts from the next call on', async () => {
    const source = stage.as(auth);
    await readA(source);
    stage.double.revokeTokens();
    await assert.rejects(readA(source), {
      code: 'PROVIDER_DENIED',
      message: 'infisical does not take the access token',
      hint: /make a new one in infisical \(identity, Token Auth\)/,
    });
    stage.fields.set('access token', await issue());
    assert.equal(await readA(source), 'value of A');
  });

  test('that was refused is not sent again for a minute', async () => {
    const source = stage.as(auth);
    stage.double.revokeTokens();
    for (let call = 0; call < 3; call += 1) await assert.rejects(readA(source), { code: 'PROVIDER_DENIED' });
    assert.equal(stage.double.count(), 1);
    await stage.clock.advance(60_000);
    await assert.rejects(readA(source), { code: 'PROVIDER_DENIED' });
    assert.equal(stage.double.count(), 2);
  });

  test('that has ended says when', async () => {
    await stage.clock.advance(31 * 24 * 3_600_000);
    await assert.rejects(readA(stage.as(auth)), {
      code: 'PROVIDER_DENIED',
      message: 'the access token ended at 2026-01-31T00:00:00.000Z',
      hint: /make a new one/,
    });
  });

  test('of another project is not used for this one', async () => {
    const projects = new Map([
      ['main', { id: 'project-1', environment: 'prod', auth }],
      [
        'other',
        { id: 'project-2', environment: 'prod', auth: { method: 'token', accessToken: at('elsewhere') } as const },
      ],
    ]);
    const source = stage.restart({ projects });
    assert.equal(await readA(source), 'value of A');
    await assert.rejects(source.get({ project: 'other', path: '/', key: 'A' }, AbortSignal.timeout(7_000)), {
      message: 'elsewhere does not exist',
    });
  });

  test('that cannot be one is not sent', async () => {
    for (const text of ['two words', 'ünïcode', mintJwt({}, 'k').replace('.', '\n')]) {
      stage.fields.set('access token', text);
      await assert.rejects(readA(stage.as(auth)), { code: 'CONFIG_INVALID', message: /holds no access token/ });
    }
    assert.equal(stage.double.count(), 0);
  });
});
