// What is asked of the server and what becomes of its answers: imports, personal secrets, versions of the API.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { at, list, PROD, read, shown, startStage, type Stage, type StageOptions } from './stage.ts';

let stage: Stage;
const restage = async (options: StageOptions = {}): Promise<void> => {
  await stage.stop();
  stage = await startStage(options);
};
const paths = (): readonly string[] =>
  stage.double.calls.filter(({ kind }) => kind !== 'login').map(({ path, status }) => `${path} ${String(status)}`);

beforeEach(async () => {
  stage = await startStage();
});
afterEach(() => stage.stop());

describe('imports', () => {
  const set = (path: string, key: string, value: string): void => {
    stage.double.state.setSecret({ ...PROD, path, key, value });
  };
  const addImport = (path: string, fromPath: string): void => {
    stage.double.state.addImport({ ...PROD, path, fromEnvironment: 'prod', fromPath });
  };

  test('are listed and read at the folder that imports them; own secrets win, then the last import', async () => {
    for (const folder of ['/app', '/first', '/last']) set(folder, 'EVERYWHERE', folder);
    for (const folder of ['/first', '/last']) set(folder, 'BOTH', folder);
    set('/first', 'FIRST', '/first');
    addImport('/app', '/first');
    addImport('/app', '/last');
    const app = { project: 'main', path: '/app' };
    const expected = { EVERYWHERE: '/app', BOTH: '/last', FIRST: '/first' };
    assert.deepEqual(shown(await list(stage.source, app), '/app'), expected);
    for (const [key, value] of Object.entries(expected)) assert.equal(await read(stage.source, key, app), value);
  });

  test('of an import come behind its own secrets', async () => {
    set('/shared', 'KEY', '/shared');
    set('/base', 'KEY', '/base');
    set('/base', 'BASE', '/base');
    addImport('/app', '/shared');
    addImport('/shared', '/base');
    const secrets = await list(stage.source, { project: 'main', path: '/app' });
    assert.deepEqual(shown(secrets, '/app'), { KEY: '/shared', BASE: '/base' });
  });

  test('do not win over own secrets of the listed folder when it lists recursively', async () => {
    set('/app', 'KEY', 'own');
    set('/app/below', 'KEY', 'below');
    set('/shared', 'KEY', 'imported');
    set('/shared', 'ONLY', 'imported');
    addImport('/app', '/shared');
    const secrets = await list(stage.source, { project: 'main', path: '/app' }, { recursive: true });
    assert.deepEqual(shown(secrets, '/app'), { KEY: 'own', ONLY: 'imported', '/app/below KEY': 'below' });
  });
});

test('ignores personal secrets, which early servers show', async () => {
  await restage({ double: { generation: '2024' } });
  stage.double.state.setSecret({ ...PROD, key: 'K', value: 'of a person', type: 'personal' });
  stage.double.state.setSecret({ ...PROD, key: 'K', value: 'shared' });
  assert.deepEqual(shown(await list(stage.source)), { K: 'shared' });
});

test('follows references', async () => {
  stage.double.state.setSecret({ ...PROD, key: 'HOST', value: 'db' });
  stage.double.state.setSecret({ ...PROD, key: 'URL', value: 'pg://${HOST}' });
  assert.equal(await read(stage.source, 'URL'), 'pg://db');
  assert.deepEqual(shown(await list(stage.source)), { HOST: 'db', URL: 'pg://db' });
});

describe('the version of the API', () => {
  const set = (): void => void stage.double.state.setSecret({ ...PROD, key: 'A', value: 'v' });
  const V4 = '/api/v4/secrets/A';
  const V3 = '/api/v3/secrets/raw/A';

  for (const unknownRoutes of ['fastify', 'html'] as const) {
    test(`falls back to v3 where v4 is not there (${unknownRoutes}), and remembers it`, async () => {
      await restage({ double: { generation: '2024' } });
      stage.double.knobs.set({ unknownRoutes });
      set();
      for (let call = 0; call < 3; call += 1) assert.equal(await read(stage.source, 'A'), 'v');
      assert.deepEqual(paths(), [`${V4} 404`, `${V3} 200`, `${V3} 200`, `${V3} 200`]);
    });
  }

  test('is asked for again after an hour, because servers get upgraded', async () => {
    await restage({ double: { generation: '2024' } });
    set();
    await read(stage.source, 'A');
    await stage.clock.advance(3_600_000);
    await read(stage.source, 'A');
    assert.deepEqual(paths(), [`${V4} 404`, `${V3} 200`, `${V4} 404`, `${V3} 200`]);
  });

  test('does not fall back because a secret is missing', async () => {
    await assert.rejects(read(stage.source, 'A'), { code: 'NOT_FOUND' });
    assert.deepEqual(paths(), [`${V4} 404`]);
  });

  test('can be set', async () => {
    await restage({ source: { apiVersion: 'v3' } });
    set();
    assert.equal(await read(stage.source, 'A'), 'v');
    assert.deepEqual(paths(), [`${V3} 200`]);
    await restage({ double: { generation: '2024' }, source: { apiVersion: 'v4' } });
    await assert.rejects(read(stage.source, 'A'), {
      code: 'PROVIDER_DOWN',
      message: /no such route/,
      hint: /api_version/,
    });
  });
});

describe('what goes over the wire', () => {
  const seen: IncomingMessage[] = [];
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      bodies.push(body);
      seen.push(request);
      response.setHeader('content-type', 'application/json');
      response.end('{"accessToken":"tok","expiresIn":60,"secrets":[],"secret":{"secretKey":"A","secretValue":"v"}}');
    });
  });
  const asked = async (call: () => Promise<unknown>): Promise<URL> => {
    await call();
    return new URL(seen.at(-1)?.url ?? '', 'http://server');
  };
  let apiUrl = '';

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    apiUrl = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/infisical`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  test('is every flag, in both spellings where servers differ', async () => {
    const source = stage.restart({ apiUrl });
    const url = await asked(() => list(source, { project: 'main', path: '/a b' }, { recursive: true }));
    assert.equal(url.pathname, '/infisical/api/v4/secrets');
    assert.deepEqual(Object.fromEntries(url.searchParams), {
      projectId: 'project-1',
      environment: 'prod',
      secretPath: '/a b',
      viewSecretValue: 'true',
      expandSecretReferences: 'true',
      recursive: 'true',
      includeImports: 'true',
      include_imports: 'true',
      includePersonalOverrides: 'false',
    });
    const names = await asked(() => list(source, undefined, { values: false }));
    assert.equal(names.searchParams.get('viewSecretValue'), 'false');
    assert.equal(names.searchParams.get('expandSecretReferences'), 'false');
    const one = await asked(() => read(source, 'A'));
    assert.equal(one.searchParams.get('type'), 'shared');
    assert.equal(one.searchParams.get('include_imports'), 'true');
    const old = await asked(() => read(stage.restart({ apiUrl, apiVersion: 'v3' }), 'A'));
    assert.equal(old.searchParams.get('workspaceId'), 'project-1');
  });

  test('is the slug of an organization under both names that servers know, and none without one', async () => {
    const login = async (organization: string | undefined): Promise<unknown> => {
      const auth = { method: 'universal-auth', clientId: 'client-3', clientSecret: at(''), organization } as const;
      const projects = new Map([['main', { id: PROD.project, environment: 'prod', auth }]]);
      stage.tokens.files.clear();
      bodies.length = 0;
      await read(stage.restart({ apiUrl, projects }), 'A');
      return JSON.parse(bodies[0] ?? '');
    };
    const identity = { clientId: 'client-3', clientSecret: stage.credential };
    assert.deepEqual(await login('sub'), { ...identity, organizationSlug: 'sub', subOrganizationName: 'sub' });
    assert.deepEqual(await login(undefined), identity);
  });

  test('is the token, the agent’s name and the headers of the config, over one connection', async () => {
    const source = stage.restart({ apiUrl, headers: new Map([['X-Gateway', 'gate']]) });
    await read(source, 'A');
    const first = seen.at(-1);
    await read(source, 'A');
    const { headers, socket } = seen.at(-1) ?? assert.fail();
    assert.equal(headers.authorization, 'Bearer tok');
    assert.equal(headers['user-agent'], 'psi/test');
    assert.equal(headers['x-gateway'], 'gate');
    assert.equal(headers['content-type'], undefined);
    assert.equal(socket, first?.socket);
  });
});
