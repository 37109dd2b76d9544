import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createSecretUsers } from '../../../../src/adapters/podman/containers.ts';
import { PsiError } from '../../../../src/core/error.ts';
import { FakeDriverFace } from '../../../fakes/driver-face.fake.ts';
import { servePodman } from '../../../fakes/podman-api.fake.ts';
import { FakePodman, type FakeContainer } from '../../../fakes/podman.fake.ts';

const container = (digit: string, more: Partial<FakeContainer>): FakeContainer => ({
  id: digit.repeat(64),
  name: `box-${digit}`,
  secrets: [],
  command: [],
  ...more,
});

async function socketOf(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-podman-containers-'));
  t.after(() => rm(dir, { recursive: true }));
  return join(dir, 'podman.sock');
}

async function users(t: TestContext, containers: readonly FakeContainer[]): Promise<readonly (readonly string[])[]> {
  const socketPath = await socketOf(t);
  const podman = new FakePodman({ driver: new FakeDriverFace() });
  podman.containers.push(...containers);
  const served = await servePodman(podman, socketPath);
  t.after(() => served.close());
  const found = await createSecretUsers({ socketPath }).list();
  return found.map(({ container: name, secrets }) => [name, ...secrets]);
}

test('names what a container has as files, and what the command that made it says of variables', async (t) => {
  const found = await users(t, [
    container('1', { secrets: [{ name: 'app--A', id: 'id-of-a' }] }),
    container('2', { command: ['podman', 'run', '--secret', 'app--B,type=env,target=B', '--secret=app--C', 'image'] }),
    container('3', { command: ['podman', 'run', 'image', '--secrets', 'x'] }),
  ]);
  assert.deepEqual(found, [
    ['box-1', 'app--A', 'id-of-a'],
    ['box-2', 'app--B', 'app--C'],
  ]);
});

test('asks for more containers than at once, and none is left out', async (t) => {
  const made = Array.from({ length: 9 }, (_, index) => String(index + 1)).map((digit) =>
    container(digit, { secrets: [{ name: `s${digit}`, id: `i${digit}` }] }),
  );
  assert.equal((await users(t, made)).length, 9);
});

for (const [what, status, body] of [
  ['no containers', 200, '{}'],
  ['an id that would leave its path', 200, '[{"Id":"../secrets"}]'],
  ['a refusal', 500, '{"cause":"broken","message":"broken","response":500}'],
] as const) {
  test(`fails where the answer is ${what}: nobody can tell what is in use`, async (t) => {
    const socketPath = await socketOf(t);
    const server = createServer((_request, response) => response.writeHead(status).end(body));
    await new Promise<void>((done) => server.listen(socketPath, done));
    t.after(() => server.close());
    await assert.rejects(createSecretUsers({ socketPath }).list(), (error) => {
      assert.ok(error instanceof PsiError && error.code === 'HOST');
      return true;
    });
  });
}

test('a container that is gone by now names nothing', async (t) => {
  const socketPath = await socketOf(t);
  const server = createServer((request, response) => {
    const listing = request.url?.includes('all=true') === true;
    response
      .writeHead(listing ? 200 : 404)
      .end(listing ? `[{"Id":"${'a'.repeat(64)}"}]` : '{"cause":"no such container","message":"gone","response":404}');
  });
  await new Promise<void>((done) => server.listen(socketPath, done));
  t.after(() => server.close());
  assert.deepEqual(await createSecretUsers({ socketPath }).list(), []);
});
