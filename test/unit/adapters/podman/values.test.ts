import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { createSecretRegistry } from '../../../../src/adapters/podman/secrets.ts';
import { createSecretValues } from '../../../../src/adapters/podman/values.ts';
import { PsiError } from '../../../../src/core/error.ts';
import type { RegisteredSecret } from '../../../../src/registration/registered-secret.ts';
import type { HeldValue, SecretValues } from '../../../../src/transfer/secret-values.ts';
import { FakeDriverFace } from '../../../fakes/driver-face.fake.ts';
import { servePodman, type ServedPodman } from '../../../fakes/podman-api.fake.ts';
import { FakePodman } from '../../../fakes/podman.fake.ts';

let dir: string;
let podman: FakePodman;
let served: ServedPodman;
let values: SecretValues;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'psi-podman-values-'));
});
after(() => rm(dir, { recursive: true }));
beforeEach(async () => {
  podman = new FakePodman({ driver: new FakeDriverFace() });
  const socketPath = join(dir, 'podman.sock');
  served = await servePodman(podman, socketPath);
  values = createSecretValues({ socketPath });
});
afterEach(() => served.close());

async function held(name: string, body: Uint8Array | string): Promise<RegisteredSecret> {
  await podman.create({ name, driver: 'file', options: {}, labels: {}, body: Buffer.from(body), replace: false });
  const listed = await createSecretRegistry({ socketPath: join(dir, 'podman.sock') }).list();
  const found = listed.find((secret) => secret.name === name);
  assert.ok(found);
  return found;
}

const read = async (name: string, body: Uint8Array | string): Promise<HeldValue> => values.read(await held(name, body));

for (const value of ['plain', 'two\nlines\n', ' blanks ', 'grüezi 🔑 "$x" \\n', '\ufeffmark']) {
  test(`reads ${JSON.stringify(value)} exactly`, async () => {
    assert.equal((await read('a', value)).value?.exposeExactText(), value);
  });
}

test('refuses bytes that are no UTF-8, which podman hands out as something else', async () => {
  assert.match((await read('a', Uint8Array.of(0x61, 0xff, 0xfe))).reason ?? '', /not valid UTF-8/);
});

test('refuses a NUL byte', async () => {
  assert.match((await read('a', 'a\0b')).reason ?? '', /NUL/);
});

test('says that an older podman shows no values', async () => {
  podman.version = '4.6.2';
  assert.match((await read('a', 'x')).reason ?? '', /before 4\.7/);
});

test('a secret that is gone, or has another name by now, is not read', async () => {
  const secret = await held('a', 'x');
  assert.match((await values.read({ ...secret, name: 'b' })).reason ?? '', /something else changes/);
  await podman.remove(secret.id);
  assert.match((await values.read(secret)).reason ?? '', /does not have it any more/);
  assert.match((await values.read({ ...secret, id: '../x' })).reason ?? '', /an id/);
});

test('a podman that is away is an error, not the fault of one secret', async () => {
  const secret = await held('a', 'x');
  await served.close();
  await assert.rejects(values.read(secret), (error) => error instanceof PsiError && error.code === 'HOST');
  served = await servePodman(podman, join(dir, 'podman.sock'));
});
