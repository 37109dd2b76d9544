// The access token: how often a login happens, what is kept, and what a refused one costs.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { TokenFiles } from '../../../src/adapters/files/token-file.ts';
import { at, CLIENT_SECRET, list, patient, PROD, read, ROOT, startStage, type Stage } from './stage.ts';

let stage: Stage;
const logins = (): number => stage.double.count('login');
const get = (source = stage.source): Promise<string> => read(source, 'A');

beforeEach(async () => {
  stage = await startStage();
  stage.double.state.setSecret({ ...PROD, key: 'A', value: 'value of A' });
  stage.double.state.setSecret({ project: 'project-2', environment: 'prod', key: 'B', value: 'value of B' });
});
afterEach(() => stage.stop());

const other = { project: 'other', path: '/' };

describe('the number of logins', () => {
  test('is none before the first call', () => {
    assert.ok(stage.source);
    assert.equal(logins(), 0);
  });

  test('is one for calls that come at once, for all projects of the identity', async () => {
    const values = await Promise.all([get(), get(), read(stage.source, 'B', other), list(stage.source)]);
    assert.deepEqual(values.slice(0, 3), ['value of A', 'value of A', 'value of B']);
    await get();
    assert.equal(logins(), 1);
  });

  test('is one for each identity', async () => {
    stage.double.state.addIdentity({ clientId: 'client-2', clientSecret: CLIENT_SECRET });
    const auth = (clientId: string) =>
      ({ method: 'universal-auth', clientId, clientSecret: at(''), organization: undefined }) as const;
    const project = (clientId: string) => ({ id: PROD.project, environment: 'prod', auth: auth(clientId) });
    const projects = new Map([
      ['main', project('client-1')],
      ['other', project('client-2')],
    ]);
    const source = stage.restart({ projects });
    await Promise.all([get(source), read(source, 'A', other)]);
    assert.equal(logins(), 2);
    assert.equal(stage.tokens.files.size, 2);
  });

  test('is one when a token is revoked half-way, also for many calls that find out together', async () => {
    await get();
    stage.double.revokeTokens();
    await Promise.all([get(), get(), read(stage.source, 'B', other)]);
    assert.equal(logins(), 2);
  });

  test('is one when an expired token is refused as TokenError', async () => {
    await get();
    stage.double.knobs.failNext(1, { status: 403, body: { error: 'TokenError', message: 'expired' }, only: ['get'] });
    assert.equal(await get(), 'value of A');
    assert.equal(logins(), 2);
  });

  test('stays one when a permission is missing', async () => {
    stage.double.state.deny('client-1', { actions: ['describe', 'readValue'] });
    await assert.rejects(get(), { code: 'PROVIDER_DENIED' });
    await assert.rejects(get(), { code: 'PROVIDER_DENIED' });
    assert.equal(logins(), 1);
  });

  test('does not grow with each call when a new token is refused as well', async () => {
    const body = { error: 'UnauthorizedError', message: 'IP address is not trusted' };
    stage.double.knobs.failNext(10, { status: 401, body, only: ['get'] });
    for (let call = 0; call < 3; call += 1) {
      await assert.rejects(get(), { code: 'PROVIDER_DENIED', message: /token that it has just given out: IP address/ });
    }
    assert.equal(logins(), 2);
    await stage.clock.advance(60_000);
    await assert.rejects(get(), { code: 'PROVIDER_DENIED' });
    assert.equal(logins(), 3);
  });
});

describe('a token', () => {
  test('outlives a restart', async () => {
    await get();
    assert.equal(await get(stage.restart()), 'value of A');
    assert.equal(logins(), 1);
  });

  test('is replaced before it ends, by the server’s word', async () => {
    stage.double.state.addIdentity({ clientId: 'client-1', clientSecret: CLIENT_SECRET, accessTokenTtl: 600 });
    await get();
    await stage.clock.advance(569_000);
    await get();
    assert.equal(logins(), 1);
    await stage.clock.advance(2_000);
    await get();
    assert.equal(logins(), 2);
  });

  test('is used to its very end when a new one cannot be had before', async () => {
    stage.double.state.addIdentity({ clientId: 'client-1', clientSecret: CLIENT_SECRET, accessTokenTtl: 600 });
    await get();
    stage.double.knobs.set({ status: 500, only: ['login'] });
    await stage.clock.advance(599_000);
    assert.equal(await get(), 'value of A');
    assert.ok(logins() > 1);
    await stage.clock.advance(1_000);
    await assert.rejects(get(), { code: 'PROVIDER_DOWN' });
  });

  test('is replaced before it ends, by the config’s', async () => {
    const source = stage.restart({ token: { ttlMs: 300_000 } });
    await get(source);
    await stage.clock.advance(271_000);
    await get(source);
    assert.equal(logins(), 2);
  });

  test('that was kept for too long is not used by the next start', async () => {
    const source = stage.restart({ token: { ttlMs: 300_000 } });
    await get(source);
    await stage.clock.advance(300_000);
    await get(stage.restart());
    assert.equal(logins(), 2);
  });

  test('of another client secret is not used', async () => {
    await get();
    stage.double.state.addIdentity({ clientId: 'client-1', clientSecret: 'another-client-secret' });
    stage.credential = 'another-client-secret';
    assert.equal(await get(stage.restart()), 'value of A');
    assert.equal(logins(), 2);
    assert.equal(stage.double.calls.filter(({ status }) => status === 401).length, 0);
  });

  test('that was refused is not taken from the disk again', async () => {
    await get();
    stage.double.revokeTokens();
    assert.equal(await get(stage.restart()), 'value of A');
    assert.equal(logins(), 2);
    assert.equal(await get(stage.restart()), 'value of A');
    assert.equal(logins(), 2);
  });

  test('is kept under a name of 12 hex digits, beside nothing of the client secret', async () => {
    await get();
    const [[name, token] = ['', undefined]] = [...stage.tokens.files];
    assert.match(name, /^[0-9a-f]{12}$/);
    assert.ok(token);
    assert.doesNotMatch(JSON.stringify(token), /canary/);
    await get(stage.restart({ apiUrl: stage.double.url.replace('127.0.0.1', 'localhost') }));
    assert.equal(stage.tokens.files.size, 2);
  });

  test('is used even when it cannot be kept', async () => {
    stage.tokens.broken = true;
    assert.equal(await get(), 'value of A');
    await get();
    assert.equal(logins(), 1);
  });
});

describe('a refused login', () => {
  const wrong = {
    code: 'PROVIDER_DENIED',
    message:
      /^infisical at 127\.0\.0\.1:\d+ refuses the login of client client-1 \(universal-auth\): Invalid credentials \[req-/,
  };

  beforeEach(() => {
    stage.credential = 'wrong-client-secret';
  });

  test('is not repeated for a minute, so that the identity is not locked out', async () => {
    for (let call = 0; call < 5; call += 1) await assert.rejects(get(), wrong);
    assert.equal(logins(), 1);
    await stage.clock.advance(60_000);
    await assert.rejects(get(), wrong);
    assert.equal(logins(), 2);
  });

  test('says that client secrets get revoked', async () => {
    await assert.rejects(get(), { hint: /revokes a client secret for good/ });
  });

  test('is repeated at once with another client secret', async () => {
    await assert.rejects(get(), wrong);
    stage.credential = CLIENT_SECRET;
    assert.equal(await get(), 'value of A');
  });

  test('names a lockout as such', async () => {
    for (let call = 0; call < 3; call += 1) await assert.rejects(get(stage.restart()), wrong);
    stage.credential = CLIENT_SECRET;
    await assert.rejects(get(), {
      code: 'PROVIDER_DENIED',
      message: /^infisical at \S+ has locked out client client-1 \(universal-auth\)/,
    });
  });

  test('names a client secret whose uses are spent', async () => {
    const spent = { clientId: 'client-1', clientSecret: CLIENT_SECRET, clientSecretUsesLimit: 1, accessTokenTtl: 60 };
    stage.double.state.addIdentity(spent);
    stage.credential = CLIENT_SECRET;
    await get();
    await stage.clock.advance(60_000);
    await assert.rejects(get(), { code: 'PROVIDER_DENIED', message: /usage limit reached/ });
  });

  test('says what is missing when there is no client secret to log in with', async () => {
    stage.credential = '';
    await assert.rejects(get(), { code: 'CONFIG_INVALID', message: 'the credential does not exist' });
    assert.equal(logins(), 0);
  });

  test('of a server that fails is repeated, since nobody was refused', async () => {
    stage.credential = CLIENT_SECRET;
    stage.double.knobs.failNext(3, { status: 500, only: ['login'] });
    await assert.rejects(get(), { code: 'PROVIDER_DOWN', retry: 'later' });
    assert.equal(await get(), 'value of A');
  });

  test('of a limited server says so', async () => {
    stage.credential = CLIENT_SECRET;
    stage.double.knobs.set({ limits: { write: 0 } });
    await assert.rejects(get(), { code: 'THROTTLED', retryAfterMs: 60_000 });
  });

  test('answered with something else names it', async () => {
    stage.double.knobs.set({ malformed: 'wrong-shape', only: ['login'] });
    await assert.rejects(get(), {
      code: 'PROVIDER_DOWN',
      message: /answered the login of client client-1 with JSON of another/,
    });
  });
});

test('one who gives up waiting for a login does not take it from the others', async () => {
  stage.double.knobs.set({ outage: 'hang', only: ['login'] });
  const impatient = new AbortController();
  const gaveUp = stage.source.get({ ...ROOT, key: 'A' }, impatient.signal);
  const waits = stage.source.get({ ...ROOT, key: 'A' }, patient());
  impatient.abort();
  await assert.rejects(gaveUp, { code: 'DEADLINE', message: /the login is not through/ });
  assert.ok(logins() <= 1);
  // Ends what hangs: the login is tried again by itself.
  while (logins() === 0) await new Promise(setImmediate);
  await stage.double.refuseConnections();
  stage.double.knobs.reset();
  await stage.double.acceptConnections();
  assert.equal((await waits).value.exposeText(), 'value of A');
});

test('a login that gets no connection is told as the network, not as the load of the server', async () => {
  // Takes the connection, and never says a word of TLS.
  const connected = Promise.withResolvers<Socket>();
  const silent = createServer(connected.resolve).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  try {
    const where = `127.0.0.1:${String((silent.address() as AddressInfo).port)}`;
    const impatient = new AbortController();
    const gaveUp = stage.restart({ apiUrl: `https://${where}` }).get({ ...ROOT, key: 'A' }, impatient.signal);
    const socket = await connected.promise;
    impatient.abort();
    await assert.rejects(gaveUp, {
      code: 'DEADLINE',
      message: `infisical at ${where} did not answer in time: no connection came about`,
      hint: /a firewall .* `curl -v telnet:/,
    });
    socket.destroy();
  } finally {
    silent.close();
  }
});

test('a login that the server has taken is told as its load', async () => {
  stage.double.knobs.set({ outage: 'hang', only: ['login'] });
  const impatient = new AbortController();
  const gaveUp = stage.source.get({ ...ROOT, key: 'A' }, impatient.signal);
  while (logins() === 0) await new Promise(setImmediate);
  impatient.abort();
  await assert.rejects(gaveUp, { message: /the login is not through$/, hint: /the log of the infisical server/ });
});

test('takes a damaged token file for none and overwrites it, for its owner alone to read', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'psi-token-'));
  try {
    const restart = () => stage.restart({ tokenStore: new TokenFiles({ stateDir }) });
    await get(restart());
    const [name = ''] = await readdir(stateDir);
    assert.match(name, /^\.token\.[0-9a-f]{12}\.json$/);
    const path = join(stateDir, name);
    const whole = await readFile(path, 'utf8');
    assert.doesNotMatch(whole, /canary/);
    for (const [round, damaged] of ['', whole.slice(0, 40), '[]', '{"token":7}'].entries()) {
      await writeFile(path, damaged);
      await get(restart());
      assert.equal(logins(), round + 2);
      await get(restart());
      assert.equal(logins(), round + 2);
    }
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(stateDir), [name]);
  } finally {
    await rm(stateDir, { recursive: true });
  }
});
