// The contract on both fakes, in every version whose habits differ.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecretRegistry } from '../../src/adapters/podman/secrets.ts';
import { FakeDriverFace } from '../fakes/driver-face.fake.ts';
import { servePodman } from '../fakes/podman-api.fake.ts';
import { FakePodman } from '../fakes/podman.fake.ts';
import { FakeSecretRegistry } from '../fakes/secret-registry.fake.ts';
import { secretRegistryContract, type RegistryUnderTest } from './secret-registry.contract.ts';

const OPTIONS = { lookup: 'psi lookup', store: 'psi store', delete: 'psi delete', list: 'psi list' };

function common(podman: FakePodman, face: FakeDriverFace): Omit<RegistryUnderTest, 'registry' | 'stop'> {
  return {
    face,
    options: OPTIONS,
    otherOptions: { ...OPTIONS, lookup: 'psi lookup --again' },
    addForeign: async (name) => {
      const body = Buffer.from('theirs');
      await podman.create({ name, driver: 'file', options: { path: '/secrets' }, labels: {}, body, replace: false });
    },
  };
}

for (const version of ['4.3.1', '4.6.2', '4.9.4', '5.0.3', '5.4.2', '6.0.0-rc1']) {
  secretRegistryContract(`fake ${version}`, () => {
    const face = new FakeDriverFace();
    const podman = new FakePodman({ version, driver: face });
    const registry = new FakeSecretRegistry(podman);
    return Promise.resolve({ registry, ...common(podman, face), stop: () => Promise.resolve() });
  });

  secretRegistryContract(`adapter on the API of a fake podman ${version}`, async () => {
    const face = new FakeDriverFace();
    const podman = new FakePodman({ version, driver: face });
    const dir = await mkdtemp(join(tmpdir(), 'psi-podman-'));
    const socketPath = join(dir, 'podman.sock');
    const served = await servePodman(podman, socketPath);
    return {
      registry: createSecretRegistry({ socketPath }),
      ...common(podman, face),
      stop: async () => {
        await served.close();
        await rm(dir, { recursive: true });
      },
    };
  });
}
