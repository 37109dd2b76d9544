// The contract on a real Podman with the real curl commands, and what only a real one can show.
import { join } from 'node:path';
import { driverOptions } from '../../src/registration/driver-command/options.ts';
import { createSecretRegistry } from '../../src/adapters/podman/secrets.ts';
import { secretRegistryContract } from '../contract/secret-registry.contract.ts';
import { FakeDriverFace, serveDriverFace } from '../fakes/driver-face.fake.ts';
import { sandboxSupport, startSandbox } from '../hosts/sandbox.ts';
import { NO_HELPER } from '../hosts/driver-command.ts';

const support = await sandboxSupport();

secretRegistryContract(
  'adapter on a real podman',
  async () => {
    const sandbox = await startSandbox();
    const face = new FakeDriverFace();
    const socket = join(sandbox.dir, 'psi.sock');
    const served = await serveDriverFace(face, socket);
    const commands = { socket, headerFile: undefined, helper: NO_HELPER };
    return {
      registry: createSecretRegistry({ socketPath: sandbox.socket }),
      face,
      options: driverOptions({ ...commands, maxTimeSeconds: 20 }),
      otherOptions: driverOptions({ ...commands, maxTimeSeconds: 21 }),
      addForeign: async (name) => {
        const result = await sandbox.podman(['secret', 'create', '--driver', 'file', name, '-'], { input: 'theirs' });
        if (result.code !== 0) throw new Error(result.stderr);
      },
      stop: async () => {
        await served.close();
        await sandbox.stop();
      },
    };
  },
  support.ok ? false : support.reason,
);
