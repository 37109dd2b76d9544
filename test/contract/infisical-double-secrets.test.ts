// The double's current generation by plain HTTP: reading, hidden values, imports, references, writing.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CLIENT, DEV, LIST, startSample } from '../doubles/infisical/sample.ts';
import { at, startTalk } from '../doubles/infisical/talk.ts';
import type { InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import type { Talk } from '../doubles/infisical/talk.ts';

describe('reading on a current server', () => {
  let double: InfisicalDouble;
  let talk: Talk;

  beforeEach(async () => {
    double = await startSample();
    talk = await startTalk(double.url, CLIENT);
  });
  afterEach(() => double.close());

  const listed = (body: unknown): readonly (readonly [unknown, unknown])[] => {
    const secrets = at(body, 'secrets');
    assert.ok(Array.isArray(secrets));
    return secrets.map((item: unknown) => [at(item, 'secretKey'), at(item, 'secretValue')] as const);
  };

  test('keeps imports beside the secrets, in list order, nested ones behind the direct ones', async () => {
    double.state.setSecret({ ...DEV, path: '/one', key: 'A', value: 'a1' });
    double.state.setSecret({ ...DEV, path: '/two', key: 'A', value: 'a2' });
    double.state.setSecret({ ...DEV, path: '/deep', key: 'A', value: 'a3' });
    double.state.setSecret({ ...DEV, path: '/deep', key: 'B', value: 'b3' });
    double.state.addImport({ ...DEV, path: '/app', fromEnvironment: 'dev', fromPath: '/one' });
    double.state.addImport({ ...DEV, path: '/app', fromEnvironment: 'dev', fromPath: '/two' });
    double.state.addImport({ ...DEV, path: '/app', fromEnvironment: 'prod', fromPath: '/nowhere' });
    double.state.addImport({ ...DEV, path: '/two', fromEnvironment: 'dev', fromPath: '/deep' });
    const { body } = await talk.get(`${LIST}&secretPath=/app`);
    const imports = at(body, 'imports');
    assert.ok(Array.isArray(imports));
    assert.deepEqual(
      imports.map((group: unknown) => [at(group, 'secretPath'), listed(group)]),
      [
        ['/one', [['A', 'a1']]],
        [
          '/two',
          [
            ['A', 'a2'],
            ['B', 'b3'],
          ],
        ],
        ['/nowhere', []],
      ],
    );
    const single = await talk.get('/api/v4/secrets/A?projectId=project-1&environment=dev&secretPath=/app');
    assert.equal(at(single.body, 'secret', 'secretValue'), 'a2');
    assert.equal(at(single.body, 'secret', 'environment'), 'dev');
  });

  test('ignores the other spelling of the import flag, and v3 ignores camel case', async () => {
    double.state.addImport({ ...DEV, fromEnvironment: 'prod' });
    assert.notDeepEqual(at((await talk.get(LIST)).body, 'imports'), []);
    assert.deepEqual(at((await talk.get(`${LIST}&includeImports=false&include_imports=true`)).body, 'imports'), []);
    const v3 = '/api/v3/secrets/raw?workspaceId=project-1&environment=dev';
    assert.deepEqual(at((await talk.get(`${v3}&includeImports=true`)).body, 'imports'), []);
    assert.notDeepEqual(at((await talk.get(`${v3}&include_imports=true`)).body, 'imports'), []);
  });

  test('hides values on request, and refuses or hides what may not be read', async () => {
    const hidden = await talk.get(`${LIST}&viewSecretValue=false`);
    assert.deepEqual(listed(hidden.body), [['DB_HOST', '<hidden-by-infisical>']]);
    assert.equal(at(hidden.body, 'secrets', 0, 'secretValueHidden'), true);
    double.state.deny(CLIENT.clientId, { path: '/', actions: ['readValue'] });
    const refused = await talk.get(LIST);
    assert.deepEqual([refused.status, at(refused.body, 'error')], [403, 'PermissionDenied']);
    const single = await talk.get('/api/v4/secrets/DB_HOST?projectId=project-1&environment=dev');
    assert.deepEqual([single.status, at(single.body, 'error')], [403, 'ForbiddenReadSecretError']);
    double.knobs.values.unreadableInList = 'hide';
    assert.deepEqual(listed((await talk.get(LIST)).body), [['DB_HOST', '<hidden-by-infisical>']]);
  });

  test('drops unreadable items of sub-folders and imports silently', async () => {
    double.state.setSecret({ ...DEV, path: '/sub', key: 'HIDDEN', value: 'x' });
    double.state.addImport({ ...DEV, fromEnvironment: 'dev', fromPath: '/sub' });
    double.state.deny(CLIENT.clientId, { path: '/sub/**', actions: ['readValue'] });
    const { status, body } = await talk.get(`${LIST}&recursive=true`);
    assert.equal(status, 200);
    assert.deepEqual(listed(body), [['DB_HOST', 'db.internal']]);
    assert.deepEqual(listed(at(body, 'imports', 0)), []);
    const single = await talk.get('/api/v4/secrets/HIDDEN?projectId=project-1&environment=dev');
    assert.deepEqual([single.status, at(single.body, 'error')], [403, 'ForbiddenReadSecretError']);
  });

  test('lists one key of two folders twice when recursive', async () => {
    double.state.setSecret({ ...DEV, path: '/x', key: 'DB_HOST', value: 'other' });
    const { body } = await talk.get(`${LIST}&recursive=true`);
    assert.deepEqual(
      [0, 1].map((i) => at(body, 'secrets', i, 'secretPath')),
      ['/', '/x'],
    );
  });

  test('expands references, leaves unknown ones, stops at ten levels and refuses unreadable ones', async () => {
    double.state.setSecret({ ...DEV, path: '/r/s', key: 'PORT', value: '5432' });
    double.state.setSecret({ ...DEV, path: '/r', key: 'LOOP', value: '${LOOP}' });
    double.state.setSecret({ ...DEV, path: '/r', key: 'URL', value: '${NAME}:${dev.r.s.PORT}/${NONE}' });
    double.state.setSecret({ ...DEV, path: '/r', key: 'NAME', value: '${@my-project.dev.DB_HOST}' });
    const url = `${LIST}&secretPath=/r`;
    assert.deepEqual(listed((await talk.get(url)).body), [
      ['LOOP', '${LOOP}'],
      ['NAME', 'db.internal'],
      ['URL', 'db.internal:5432/${NONE}'],
    ]);
    double.state.deny(CLIENT.clientId, { path: '/r/s', actions: ['readValue'] });
    const refused = await talk.get(url);
    assert.equal(refused.status, 403);
    assert.equal(at(refused.body, 'message'), 'Failed to expand one or more secret references');
    assert.equal((await talk.get(`${url}&expandSecretReferences=false`)).status, 200);
  });

  test('answers a missing folder, key, project and route each in its own way', async () => {
    const cases = [
      [`${LIST}&secretPath=/none`, 404, 'SecretPathNotFound'],
      ['/api/v4/secrets/X?projectId=project-1&environment=dev&secretPath=/none', 404, 'GetSecretByName'],
      ['/api/v4/secrets/X?projectId=project-1&environment=dev', 404, 'NotFound'],
      ['/api/v4/secrets?projectId=my-project&environment=dev', 403, 'ForbiddenError'],
      ['/api/v4/secrets?environment=dev', 400, 'BadRequest'],
      ['/api/v4/secrets/X?environment=dev', 422, 'ValidationFailure'],
      [`${LIST}&recursive=1`, 422, 'ValidationFailure'],
    ] as const;
    for (const [url, status, error] of cases) {
      const answer = await talk.get(url);
      assert.deepEqual([answer.status, at(answer.body, 'error')], [status, error], url);
      assert.match(String(at(answer.body, 'reqId')), /^req-/);
    }
    const unknown = await talk.get('/api/v9/secrets');
    assert.deepEqual(unknown.body, {
      message: 'Route GET:/api/v9/secrets not found',
      error: 'Not Found',
      statusCode: 404,
    });
    const long = await talk.get(`/api/v4/secrets/${'K'.repeat(101)}?projectId=project-1&environment=dev`);
    assert.deepEqual([long.status, at(long.body, 'reqId')], [404, undefined]);
  });

  test('finds names with blanks, per cent signs and non-ASCII letters when they are encoded', async () => {
    for (const key of ['a b', '50%', 'ключ', 'x?y#z']) {
      double.state.setSecret({ ...DEV, key, value: key });
      const url = `/api/v4/secrets/${encodeURIComponent(key)}?projectId=project-1&environment=dev`;
      assert.equal(at((await talk.get(url)).body, 'secret', 'secretValue'), key);
    }
  });

  test('turns a project slug into an id', async () => {
    assert.equal(at((await talk.get('/api/v1/projects/slug/my-project')).body, 'id'), 'project-1');
    assert.equal(at((await talk.get('/api/v1/workspace')).body, 'workspaces', 0, 'id'), 'project-1');
  });
});

describe('writing on a current server', () => {
  let double: InfisicalDouble;
  let talk: Talk;
  const target = { projectId: 'project-1', environment: 'dev' };

  beforeEach(async () => {
    double = await startSample();
    talk = await startTalk(double.url, CLIENT);
  });
  afterEach(() => double.close());

  test('creates a batch as a whole or not at all', async () => {
    const secrets = ['NEW', 'DB_HOST'].map((secretKey) => ({ secretKey, secretValue: 'v' }));
    assert.equal((await talk.send('POST', '/api/v4/secrets/batch', { ...target, secrets })).status, 400);
    assert.equal((await talk.get('/api/v4/secrets/NEW?projectId=project-1&environment=dev')).status, 404);
  });

  test('fails on, ignores or creates what a batch update misses, by mode', async () => {
    const secrets = ['NEW', 'DB_HOST'].map((secretKey) => ({ secretKey, secretValue: 'v' }));
    const patch = (mode?: string) => talk.send('PATCH', '/api/v4/secrets/batch', { ...target, secrets, mode });
    assert.equal((await patch()).status, 404);
    const ignored = at((await patch('ignore')).body, 'secrets');
    assert.equal(Array.isArray(ignored) && ignored.length, 1);
    const upserted = (await patch('upsert')).body;
    assert.deepEqual([at(upserted, 'secrets', 0, 'version'), at(upserted, 'secrets', 1, 'version')], [1, 3]);
  });

  test('refuses bad names, personal secrets, existing names and bodies over 1 MiB', async () => {
    const post = (name: string, more: object = {}) =>
      talk.send('POST', `/api/v4/secrets/${name}`, { ...target, secretValue: 'v', ...more });
    assert.equal((await post('A%3AB')).status, 422);
    assert.equal((await post('P', { type: 'personal' })).status, 400);
    assert.equal((await post('DB_HOST')).status, 400);
    assert.equal((await post('BIG', { secretValue: 'x'.repeat(1024 * 1024) })).status, 500);
  });

  test('answers an approval and stores nothing when a change policy covers the folder', async () => {
    double.knobs.values.approvals = true;
    const answer = await talk.send('POST', '/api/v4/secrets/NEW', { ...target, secretValue: 'v' });
    assert.deepEqual([answer.status, at(answer.body, 'approval', 'status')], [200, 'open']);
    assert.equal((await talk.get('/api/v4/secrets/NEW?projectId=project-1&environment=dev')).status, 404);
  });

  test('makes folders with their parents, again and again', async () => {
    const folder = { ...target, name: 'c', path: '/a/b' };
    assert.equal((await talk.send('POST', '/api/v2/folders', folder)).status, 200);
    assert.equal((await talk.send('POST', '/api/v2/folders', folder)).status, 200);
    const list = await talk.get('/api/v2/folders?projectId=project-1&environment=dev&path=/a');
    assert.equal(at(list.body, 'folders', 0, 'name'), 'b');
    assert.equal((await talk.send('POST', '/api/v2/folders', { ...folder, name: 'no.dots' })).status, 422);
  });
});
