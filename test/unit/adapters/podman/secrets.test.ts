import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { createSecretRegistry } from '../../../../src/adapters/podman/secrets.ts';
import { PsiError } from '../../../../src/core/error.ts';
import type { SecretRegistry } from '../../../../src/registration/secret-registry.ts';
import { FakeDriverFace } from '../../../fakes/driver-face.fake.ts';
import { servePodman, type ServedPodman } from '../../../fakes/podman-api.fake.ts';
import { FakePodman } from '../../../fakes/podman.fake.ts';

const OPTIONS = { lookup: 'psi lookup', store: 'psi store', delete: 'psi delete', list: 'psi list' };
const OTHER = { ...OPTIONS, lookup: 'psi lookup --again' };
const SECRET = { name: 'app--KEY', body: '{}', options: OPTIONS, labels: { 'psi.workload': 'app' } };

const FOREIGN = { name: 'somebodys', driver: 'file', options: {}, labels: {}, body: new Uint8Array([1]) };

let dir: string;
let podman: FakePodman;
let face: FakeDriverFace;
let served: ServedPodman;
let registry: SecretRegistry;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'psi-podman-'));
});
after(() => rm(dir, { recursive: true }));
beforeEach(async () => {
  face = new FakeDriverFace();
  podman = new FakePodman({ driver: face });
  const socketPath = join(dir, 'podman.sock');
  served = await servePodman(podman, socketPath);
  registry = createSecretRegistry({ socketPath });
});
afterEach(() => served.close());

const rejection = async (promise: Promise<unknown>): Promise<PsiError> => {
  const thrown = await promise.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof PsiError);
  return thrown;
};

const created = async (): Promise<{ id: string; name: string; driver: string; options: typeof OPTIONS }> => {
  const id = await registry.create(SECRET);
  return { id, name: SECRET.name, driver: 'shell', options: OPTIONS };
};

test('lists everything in one call', async () => {
  await created();
  const before = served.requests.length;
  await registry.list();
  assert.deepEqual(served.requests.slice(before), ['GET /v4.0.0/libpod/secrets/json']);
});

test('creates with one write and reads it back by id', async () => {
  const { id } = await created();
  assert.deepEqual(served.requests, ['POST /v4.0.0/libpod/secrets/create', `GET /v4.0.0/libpod/secrets/${id}/json`]);
});

test('gives the workload as a label', async () => {
  const { id } = await created();
  assert.deepEqual((await podman.inspect(id)).labels, { 'psi.workload': 'app' });
});

test('replaces in one step where podman can', async () => {
  const current = await created();
  await registry.replace(current, { ...SECRET, options: OTHER });
  assert.deepEqual(podman.writes.slice(1), [{ op: 'replace', name: SECRET.name }]);
});

test('removes and creates where podman cannot replace', async () => {
  podman.version = '4.6.2';
  const current = await created();
  await registry.replace(current, { ...SECRET, options: OTHER });
  assert.deepEqual(podman.writes.slice(1), [
    { op: 'remove', name: current.id },
    { op: 'create', name: SECRET.name },
  ]);
});

test('tries the create of a two-step replace once more, and says what is missing when that fails too', async () => {
  podman.version = '4.3.1';
  const current = await created();
  face.refuse.add('store');
  const error = await rejection(registry.replace(current, SECRET));
  assert.equal(podman.writes.filter(({ op }) => op === 'create').length, 3);
  assert.match(error.message, /psi refused it.*the old one is gone \(podman 4\.3\.1 deletes before it stores\)/);
  assert.match(error.hint ?? '', /^run `psi setup` again; .*journalctl/);
});

test('removes what came out with another driver', async () => {
  podman.mixUp = (request) => ({ ...request, driver: 'file', options: { path: '/secrets' } });
  const error = await rejection(registry.create(SECRET));
  assert.equal(error.code, 'HOST');
  assert.match(error.message, /other settings than asked for \(driver file\); it was removed again/);
  assert.deepEqual(await registry.list(), []);
});

test('removes what came out with other options', async () => {
  podman.mixUp = (request) => ({ ...request, options: OTHER });
  assert.match((await rejection(registry.create(SECRET))).message, /it was removed again/);
  assert.deepEqual(await registry.list(), []);
});

test('says so when a wrong secret cannot be removed', async () => {
  podman.mixUp = (request) => ({ ...request, options: OTHER });
  face.refuse.add('delete');
  assert.match((await rejection(registry.create(SECRET))).message, /it could not be removed/);
});

test('leaves the secret of somebody else alone whose id a create or a replace is answered with', async () => {
  const foreign = await podman.create({ ...FOREIGN, replace: false });
  podman.answerId = foreign;
  const error = await rejection(registry.create(SECRET));
  assert.match(error.message, /the id that it gave is that of the secret somebodys; nothing was removed$/);
  podman.answerId = undefined;
  const current = (await registry.list()).find(({ name }) => name === SECRET.name) ?? assert.fail();
  podman.answerId = foreign;
  assert.match(
    (await rejection(registry.replace(current, { ...SECRET, options: OTHER }))).message,
    /nothing was removed/,
  );
  // The id that the secret had before is no new one either.
  podman.answerId = current.id;
  assert.match((await rejection(registry.create({ ...SECRET, name: 'app--OTHER' }))).message, /nothing was removed/);
  assert.ok((await podman.list()).some(({ id }) => id === foreign));
  assert.equal(podman.writes.filter(({ op }) => op === 'remove').length, 0);
});

test('shows the secret that podman resolves by name where a failed delete left an older one', async () => {
  const current = await created();
  face.refuse.add('delete');
  const id = await registry.replace(current, { ...SECRET, options: OTHER });
  assert.equal((await podman.list()).length, 2);
  assert.deepEqual(
    (await registry.list()).map((secret) => secret.id),
    [id],
  );
});

for (const [exit, reason, remedy, retry] of [
  ['7', /psi does not answer on its socket/, /^`systemctl restart psi\.socket`; /, 'later'],
  ['22', /psi refused it/, /^the reason /, 'no'],
  ['28', /psi did not answer in time/, /^the reason /, 'later'],
  ['127', /curl is not installed/, /^install curl on the host; /, 'no'],
  ['3', /exit status 3\)/, /^the reason /, 'no'],
  ['1', /exit status 1\)/, /^the reason /, 'later'],
] as const) {
  test(`says what exit status ${exit} of the store command means`, async () => {
    podman.refuseCreate = {
      status: 500,
      reason: `exit status ${exit}`,
      message: `creating secret app--KEY: exit status ${exit}`,
    };
    const error = await rejection(registry.create(SECRET));
    assert.match(error.message, reason);
    assert.match(error.hint ?? '', /journalctl -u psi\.service/);
    assert.match(error.hint ?? '', remedy);
    assert.equal(error.retry, retry);
  });
}

test('keeps unknown words of podman on one line and short', async () => {
  const message = `open secrets.json: no space\nleft on device \u001b[31m${'x'.repeat(5_000)}`;
  podman.refuseCreate = { status: 500, reason: 'no space left on device', message };
  const error = await rejection(registry.create(SECRET));
  assert.match(
    error.message,
    /^podman could not create app--KEY: open secrets\.json: no space left on device {2}\[31mx+$/,
  );
  assert.ok(error.message.length < 400);
});

test('never repeats the driver command or the body in an error', async () => {
  podman.refuseCreate = {
    status: 500,
    reason: 'invalid shell driver option: "x"',
    message: 'invalid shell driver option: "x"',
  };
  const error = await rejection(
    registry.create({ ...SECRET, body: 'canary-body', options: { ...OPTIONS, list: 'canary-list' } }),
  );
  assert.doesNotMatch(JSON.stringify([error.message, error.hint, error.details]), /canary/);
});

test('talks to its own socket whatever DOCKER_ variables say, and leaves them as they are', async () => {
  const variables = {
    DOCKER_HOST: 'tcp://192.0.2.1:2376',
    DOCKER_TLS_VERIFY: '1',
    DOCKER_CERT_PATH: '/nonexistent',
    DOCKER_CLIENT_TIMEOUT: '1',
    DOCKER_PATH_PREFIX: '/wrong',
  };
  const saved = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  try {
    const own = createSecretRegistry({ socketPath: join(dir, 'podman.sock') });
    assert.equal((await own.features()).version, podman.version);
    for (const [name, value] of Object.entries(variables)) assert.equal(process.env[name], value);
    process.env['DOCKER_HOST'] = 'this is : no // address';
    const again = createSecretRegistry({ socketPath: join(dir, 'podman.sock') });
    assert.equal((await again.features()).version, podman.version);
  } finally {
    for (const [name, value] of saved) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  }
});
