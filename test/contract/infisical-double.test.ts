// The double against the official client, its tokens and credentials, and the July 2024 generation.
import { InfisicalSDK } from '@infisical/sdk';
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CLIENT, DEV, LIST, startSample } from '../doubles/infisical/sample.ts';
import { at, startTalk } from '../doubles/infisical/talk.ts';
import type { InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import type { Talk } from '../doubles/infisical/talk.ts';

describe('the official client', () => {
  let double: InfisicalDouble;
  let client: InfisicalSDK;

  beforeEach(async () => {
    double = await startSample();
    client = await new InfisicalSDK({ siteUrl: double.url }).auth().universalAuth.login(CLIENT);
  });
  afterEach(() => double.close());

  test('logs in, lists and gets', async () => {
    const { secrets } = await client.secrets().listSecrets({ environment: 'dev', projectId: 'project-1' });
    assert.deepEqual(
      secrets.map(({ secretKey, secretValue }) => [secretKey, secretValue]),
      [['DB_HOST', 'db.internal']],
    );
    const secret = await client
      .secrets()
      .getSecret({ environment: 'dev', projectId: 'project-1', secretName: 'DB_HOST' });
    assert.equal(secret.secretValue, 'db.internal');
    assert.equal(secret.secretValueHidden, false);
    assert.deepEqual([double.count('login'), double.count('list'), double.count('get')], [1, 1, 1]);
  });

  test('creates, updates and deletes, in a folder it made', async () => {
    await client.folders().create({ name: 'b', path: '/a', projectId: 'project-1', environment: 'dev' });
    const where = { environment: 'dev', projectId: 'project-1', secretPath: '/a/b' };
    await client.secrets().createSecret('TOKEN', { ...where, secretValue: '  one\n\n' });
    assert.equal((await client.secrets().getSecret({ ...where, secretName: 'TOKEN' })).secretValue, 'one\n');
    const updated = await client.secrets().updateSecret('TOKEN', { ...where, secretValue: 'two' });
    assert.equal(updated.secret.version, 2);
    await client.secrets().deleteSecret('TOKEN', where);
    await assert.rejects(client.secrets().getSecret({ ...where, secretName: 'TOKEN' }), /StatusCode=404/);
  });

  test('renews its token and is told when its credentials are wrong', async () => {
    await client.auth().universalAuth.renew();
    const wrong = new InfisicalSDK({ siteUrl: double.url }).auth().universalAuth;
    await assert.rejects(wrong.login({ ...CLIENT, clientSecret: 'nope' }), /StatusCode=401.*Invalid credentials/);
  });

  test('lists over the July 2024 server too', async () => {
    const old = await startSample({ generation: '2024' });
    try {
      const session = await new InfisicalSDK({ siteUrl: old.url }).auth().universalAuth.login(CLIENT);
      const { secrets } = await session.secrets().listSecrets({ environment: 'dev', projectId: 'project-1' });
      assert.equal(secrets[0]?.secretValue, 'db.internal');
      assert.equal('secretValueHidden' in secrets[0], false);
    } finally {
      await old.close();
    }
  });
});

describe('the July 2024 server', () => {
  let double: InfisicalDouble;
  let talk: Talk;
  const V3 = '/api/v3/secrets/raw';
  const DEV_RAW = 'workspaceId=project-1&environment=dev';

  beforeEach(async () => {
    double = await startSample({ generation: '2024' });
    talk = await startTalk(double.url, CLIENT);
  });
  afterEach(() => double.close());

  test('knows no v4, and may answer unknown routes with HTML', async () => {
    assert.equal((await talk.get(LIST)).status, 404);
    double.knobs.values.unknownRoutes = 'html';
    const answer = await talk.get(LIST);
    assert.deepEqual([answer.status, answer.contentType], [404, 'text/html; charset=utf-8']);
  });

  test('answers with inverted statuses', async () => {
    assert.equal((await talk.get(`${V3}?${DEV_RAW}`, 'none')).status, 403);
    const bad = await talk.get(`${V3}?${DEV_RAW}`, 'not.a.token');
    assert.deepEqual([bad.status, at(bad.body, 'message')], [500, 'invalid signature']);
    assert.equal((await talk.get(`${V3}?${DEV_RAW}&recursive=yes`)).status, 403);
    double.state.deny(CLIENT.clientId, { path: '/', actions: ['describe'] });
    const denied = await talk.get(`${V3}?${DEV_RAW}`);
    assert.deepEqual([denied.status, at(denied.body, 'error')], [401, 'PermissionDenied']);
  });

  test('lists a missing folder as empty, and answers 400 to a get that finds nothing', async () => {
    const list = await talk.get(`${V3}?${DEV_RAW}&secretPath=/none`);
    assert.deepEqual([list.status, list.body], [200, { secrets: [] }]);
    const get = await talk.get(`${V3}/NONE?${DEV_RAW}`);
    assert.deepEqual([get.status, at(get.body, 'message')], [400, 'Secret not found']);
  });

  test('takes a project slug in a batch, and puts no rule on names', async () => {
    const secrets = [{ secretKey: 'A:B', secretValue: 'v' }];
    const batch = { projectSlug: 'my-project', environment: 'dev', secrets };
    assert.equal((await talk.send('POST', '/api/v3/secrets/batch/raw', batch)).status, 200);
    assert.equal((await talk.get(`${V3}/A%3AB?${DEV_RAW}`)).status, 200);
  });

  test('refuses a wrong client secret with 403 and never locks out', async () => {
    const wrong = { ...CLIENT, clientSecret: 'wrong' };
    for (let i = 0; i < 4; i += 1) await assert.rejects(startTalk(double.url, wrong), /403.*Invalid credentials/);
    await startTalk(double.url, CLIENT);
  });

  test('neither expands nor imports unless asked, and takes a slug', async () => {
    double.state.setSecret({ ...DEV, key: 'REF', value: '${DB_HOST}' });
    const plain = await talk.get(`${V3}/REF?workspaceSlug=my-project&environment=dev`);
    assert.equal(at(plain.body, 'secret', 'secretValue'), '${DB_HOST}');
    const asked = await talk.get(`${V3}/REF?${DEV_RAW}&expandSecretReferences=true`);
    assert.equal(at(asked.body, 'secret', 'secretValue'), 'db.internal');
    assert.equal(at(asked.body, 'secret', 'secretPath'), undefined);
  });
});

describe('tokens and credentials', () => {
  let clock: number;
  let double: InfisicalDouble;

  beforeEach(async () => {
    clock = Date.parse('2026-09-01T00:00:00Z');
    double = await startSample({ now: () => clock });
  });
  afterEach(() => double.close());

  const login = (clientSecret: string, clientId = CLIENT.clientId) => startTalk(double.url, { clientId, clientSecret });

  test('expires a token as TokenError, and revokes as UnauthorizedError', async () => {
    double.state.addIdentity({ ...CLIENT, accessTokenTtl: 60 });
    const talk = await login(' secret-1 ');
    assert.equal((await talk.get(LIST)).status, 200);
    double.revokeTokens();
    const revoked = await talk.get(LIST);
    assert.deepEqual([revoked.status, at(revoked.body, 'error')], [401, 'UnauthorizedError']);
    clock += 61_000;
    const expired = await talk.get(LIST);
    assert.deepEqual([expired.status, at(expired.body, 'error')], [403, 'TokenError']);
    const renewal = await talk.send('POST', '/api/v1/auth/token/renew', { accessToken: talk.token });
    assert.equal(renewal.status, 403);
  });

  test('renews up to the ceiling and no further', async () => {
    double.state.addIdentity({ ...CLIENT, accessTokenTtl: 60, accessTokenMaxTtl: 90 });
    const talk = await login('secret-1');
    clock += 50_000;
    const { body } = await talk.send('POST', '/api/v1/auth/token/renew', { accessToken: talk.token });
    assert.equal(at(body, 'expiresIn'), 40);
    assert.notEqual(at(body, 'accessToken'), talk.token);
  });

  test('refuses calls when the uses of a token are spent', async () => {
    double.state.addIdentity({ ...CLIENT, accessTokenUsesLimit: 2 });
    const talk = await login('secret-1');
    const statuses = [await talk.get(LIST), await talk.get(LIST), await talk.get(LIST)].map(({ status }) => status);
    assert.deepEqual(statuses, [200, 200, 401]);
  });

  test('locks a client id out after three wrong secrets, even for the right one, until the time is over', async () => {
    for (let i = 0; i < 3; i += 1) await assert.rejects(login('wrong'), /401.*Invalid credentials/);
    await assert.rejects(login('secret-1'), /401.*temporarily locked/);
    clock += 300_000;
    await login('secret-1');
  });

  test('revokes a client secret for good when its uses are spent', async () => {
    double.state.addIdentity({ clientId: 'limited', clientSecret: 's', clientSecretUsesLimit: 1 });
    await login('s', 'limited');
    await assert.rejects(login('s', 'limited'), /401.*usage limit/);
    await assert.rejects(login('s', 'limited'), /401.*Invalid credentials/);
  });

  test('limits a class per minute, with the wait in the text and the header', async () => {
    const talk = await login('secret-1');
    double.knobs.values.limits = { secrets: 1 };
    assert.equal((await talk.get(LIST)).status, 200);
    clock += 20_000;
    const limited = await talk.get(LIST);
    assert.equal(at(limited.body, 'message'), 'Rate limit exceeded. Please try again in 40 seconds');
    assert.deepEqual([limited.status, limited.headers.get('retry-after')], [429, '40']);
    clock += 40_000;
    assert.equal((await talk.get(LIST)).status, 200);
  });

  test('writes no secret, token or query into the call log', async () => {
    const talk = await login('secret-1');
    await talk.get('/api/v4/secrets/DB_HOST?projectId=project-1&environment=dev');
    assert.deepEqual(double.calls.at(-1), {
      method: 'GET',
      path: '/api/v4/secrets/DB_HOST',
      route: '/api/v4/secrets/:secretName',
      kind: 'get',
      status: 200,
      at: clock,
    });
    assert.doesNotMatch(JSON.stringify(double.calls), new RegExp(`secret-1|db\\.internal|${talk.token}`));
  });
});
