// Each thing that can go wrong has its own message and its own next step, and none of them repeats a secret.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { PsiError } from '../../../src/core/error.ts';
import type { InjectedFailure } from '../../doubles/infisical/knobs.ts';
import { makeTestAuthority, type TestAuthority } from '../../doubles/infisical/test-authority.ts';
import { CLIENT_SECRET, list, PROD, read, ROOT, startStage, type Stage } from './stage.ts';

const VALUE = 'canary-value-90ab12';

let stage: Stage;
beforeEach(async () => {
  stage = await startStage();
  stage.double.state.setSecret({ ...PROD, path: '/app', key: 'A', value: VALUE });
});
afterEach(() => stage.stop());

const app = { project: 'main', path: '/app' };

/** The failure, after it was looked at for secrets the way a careless logger would print it. */
async function failure(call: Promise<unknown>): Promise<PsiError> {
  const error: unknown = await call.then(
    () => assert.fail('it did not fail'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof PsiError, inspect(error));
  const printed = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
  const token = [...stage.tokens.files.values()][0]?.token ?? 'none';
  for (const secret of [CLIENT_SECRET, VALUE, token]) assert.ok(!printed.includes(secret), 'it repeats a secret');
  assert.match(error.message, /^[a-z]/);
  assert.doesNotMatch(error.message, /[.\n]$/);
  assert.ok(error.hint, 'it says what to do');
  return error;
}

/** How the next read of a secret fails when the server answers like this. */
async function answered(injected: InjectedFailure): Promise<PsiError> {
  stage.double.knobs.failNext(10, { only: ['list', 'get'], ...injected });
  return failure(read(stage.source, 'A', app));
}

const body = (error: string, message: string): object => ({ reqId: 'req-7', error, message });

const ANSWERS: readonly (readonly [string, InjectedFailure, string, RegExp])[] = [
  [
    'a missing right with project, environment, path and the id of the request',
    { status: 403, body: body('PermissionDenied', 'You are not allowed to read') },
    'PROVIDER_DENIED',
    /^infisical refuses to read A in main:\/app \(environment prod\): You are not allowed to read \[req-7\]$/,
  ],
  [
    'a missing right of a server of 2024',
    { status: 401, body: { statusCode: 401, error: 'PermissionDenied', message: 'No right' } },
    'PROVIDER_DENIED',
    /refuses to read A in main:\/app/,
  ],
  [
    'a project the identity is not in',
    { status: 403, body: body('ForbiddenError', 'Identity is not a member of project') },
    'PROVIDER_DENIED',
    /refuses to read A in main:\/app .* not a member/,
  ],
  [
    'a project that is not there',
    { status: 404, body: body('NotFound', 'Project with ID project-1 not found') },
    'PLACE_NOT_FOUND',
    /no project project-1 \(main in the config\)/,
  ],
  [
    'a folder that is not there',
    { status: 404, body: body('GetSecretByName', 'Folder with path /app not found') },
    'PLACE_NOT_FOUND',
    /no folder \/app in environment prod of project main \[req-7\]/,
  ],
  [
    'a hidden value',
    { status: 403, body: body('ForbiddenReadSecretError', 'No') },
    'VALUE_HIDDEN',
    /hides the value of A/,
  ],
  [
    'a request that is invalid',
    { status: 422, body: { ...body('ValidationFailure', ''), message: [{ path: ['projectId'], message: VALUE }] } },
    'PROVIDER_DENIED',
    /finds the request to read A in main:\/app .* invalid \(projectId\) \[req-7\]/,
  ],
  ['a limit without a time', { status: 429, body: body('RateLimitExceeded', 'Slow') }, 'THROTTLED', /limits requests/],
  [
    'a limit with a time in a header',
    { status: 429, body: 'slow down', headers: { 'retry-after': '17' } },
    'THROTTLED',
    /asks to wait 17 s/,
  ],
  [
    'a failing server',
    { status: 500, body: body('InternalServerError', VALUE) },
    'PROVIDER_DOWN',
    /answered 500 \[req-7\]/,
  ],
  ['a failing gateway', { status: 502 }, 'PROVIDER_DOWN', /a gateway in front of infisical answered 502/],
  [
    'a gateway that wants a login',
    { status: 403, body: `<html>${VALUE}</html>` },
    'PROVIDER_DENIED',
    /something in front of infisical refuses to read A .*: status 403, HTML/,
  ],
  [
    'a redirect, but not its query',
    { status: 302, headers: { location: `https://login.example/?state=${VALUE}` }, body: '' },
    'PROVIDER_DOWN',
    /redirects to https:\/\/login\.example \(302\)$/,
  ],
  ['a page without the API', { status: 404, body: '<html></html>' }, 'PROVIDER_DOWN', /no infisical that psi knows/],
  [
    'another refusal in its own words',
    { status: 409, body: body('Odd', 'Out of order') },
    'PROVIDER_DENIED',
    /409: Out of order/,
  ],
];

describe('an answer', () => {
  for (const [what, injected, code, message] of ANSWERS) {
    test(`names ${what}`, async () => {
      const error = await answered(injected);
      assert.equal(error.code, code);
      assert.match(error.message, message);
    });
  }

  test('that repeats the token or a header of the config is not repeated in turn', async () => {
    await read(stage.source, 'A', app);
    const token = [...stage.tokens.files.values()][0]?.token ?? assert.fail();
    const error = await answered({ status: 403, body: body('PermissionDenied', `no: Bearer ${token}\nmore`) });
    assert.match(error.message, /no: Bearer \[redacted\] more/);
  });

  test('of a login that repeats the client secret is not repeated in turn', async () => {
    const repeated = body('UnauthorizedError', `wrong: ${CLIENT_SECRET}`);
    const error = await answered({ status: 401, body: repeated, only: ['login'] });
    assert.match(error.message, /wrong: \[redacted\]/);
  });

  test('is waited for when a limit ends within a second', async () => {
    stage.double.knobs.failNext(1, { status: 429, body: 'x', headers: { 'retry-after': '0' }, only: ['get'] });
    assert.equal(await read(stage.source, 'A', app), VALUE);
  });

  test('of a server that stumbles once is asked for again', async () => {
    stage.double.knobs.failNext(1, { status: 503, only: ['get'] });
    assert.equal(await read(stage.source, 'A', app), VALUE);
  });
});

describe('a success that is none', () => {
  for (const [malformed, looks] of [
    ['html', /with HTML$/],
    ['truncated', /with JSON that is damaged or cut off$/],
    ['wrong-shape', /with JSON of another shape$/],
    ['empty', /with an empty body$/],
    ['cut-off', /closed the connection before its answer was complete/],
  ] as const) {
    test(`is told by what it looks like: ${malformed}`, async () => {
      stage.double.knobs.set({ malformed, only: ['list', 'get'] });
      for (const call of [() => read(stage.source, 'A', app), () => list(stage.source, app)]) {
        const error = await failure(call());
        assert.equal(error.code, 'PROVIDER_DOWN');
        assert.match(error.message, looks);
      }
    });
  }

  test('is not an empty folder', async () => {
    stage.double.knobs.set({ emptyLists: true });
    assert.deepEqual(await list(stage.source, app), []);
  });
});

test('names a project that the config does not have', async () => {
  const error = await failure(read(stage.source, 'A', { project: 'gone', path: '/' }));
  assert.equal(error.code, 'NOT_FOUND');
  assert.match(error.message, /the project gone is not in the config/);
});

describe('a connection', () => {
  test('that is refused is told with host and port', async () => {
    await stage.double.refuseConnections();
    const error = await failure(read(stage.source, 'A', app));
    assert.equal(error.code, 'PROVIDER_DOWN');
    assert.match(error.message, /at 127\.0\.0\.1:\d+: connection refused$/);
  });

  test('that is reset is told as such', async () => {
    stage.double.knobs.set({ outage: 'reset' });
    assert.match((await failure(read(stage.source, 'A', app))).message, /closed the connection .*\(ECONNRESET\)/);
  });

  test('that hangs is told with how far it got', async () => {
    await read(stage.source, 'A', app);
    stage.double.knobs.set({ outage: 'hang' });
    const error = await failure(stage.source.get({ ...ROOT, key: 'A' }, AbortSignal.timeout(50)));
    assert.equal(error.code, 'DEADLINE');
    assert.match(error.message, /did not answer in time: it took the request and did not answer/);
  });

  test('to something that does not speak HTTP is told as such', async () => {
    const server = createTcpServer((socket) => socket.end(`${VALUE}\r\n\r\n`));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const apiUrl = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
      assert.match((await failure(read(stage.restart({ apiUrl }), 'A', app))).message, /does not speak HTTP/);
      const tls = stage.restart({ apiUrl: apiUrl.replace('http:', 'https:') });
      assert.match((await failure(read(tls, 'A', app))).message, /no TLS connection/);
    } finally {
      server.close();
    }
  });
});

describe('TLS', () => {
  let authority: TestAuthority;
  let secure: Stage;
  before(async () => {
    authority = await makeTestAuthority();
    secure = await startStage({ double: { tls: authority.server } });
    secure.double.state.setSecret({ ...PROD, path: '/app', key: 'A', value: VALUE });
  });
  after(() => secure.stop());

  test('is trusted with the authority of the config', async () => {
    assert.equal(await read(secure.restart({ caCert: authority.ca }), 'A', app), VALUE);
  });

  test('is not trusted without it, and says what to set', async () => {
    const error = await failure(read(secure.restart(), 'A', app));
    assert.equal(error.code, 'PROVIDER_DOWN');
    assert.equal(error.retry, 'no');
    assert.match(error.message, /certificate of infisical at 127\.0\.0\.1:\d+ is not trusted/);
    assert.match(error.hint ?? '', /`ca_cert`/);
  });

  test('is not checked when the config says so', async () => {
    assert.equal(await read(secure.restart({ verifySsl: false }), 'A', app), VALUE);
  });

  test('under another name is told as such, although the authority is trusted', async () => {
    const url = new URL(secure.double.url);
    const apiUrl = `https://[::ffff:${url.hostname}]:${url.port}`;
    const error = await failure(read(secure.restart({ apiUrl, caCert: authority.ca }), 'A', app));
    assert.match(error.message, /made out to other names/);
  });

  test('refuses a ca_cert that is none at once', () => {
    assert.throws(() => secure.restart({ caCert: 'no certificate' }), { code: 'CONFIG_INVALID', message: /ca_cert/ });
  });
});
