// A command in a container, and the look for an image, over the API of a real Podman.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createContainerCommand, type ContainerCommand } from '../../src/adapters/podman/exec.ts';
import { createImageLook } from '../../src/adapters/podman/images.ts';
import { sandboxSupport, startSandbox, type Sandbox } from '../hosts/sandbox.ts';

const support = await sandboxSupport();

describe('a command in a container', { skip: support.ok ? false : support.reason }, () => {
  let sandbox: Sandbox;
  let command: ContainerCommand;
  before(async () => {
    sandbox = await startSandbox();
    command = createContainerCommand({ socketPath: sandbox.socket, timeoutMs: 20_000 });
    const wish = ['run', '--detach', '--name', 'box', '--network=none', '--stop-timeout=0', sandbox.image];
    const { code, stderr } = await sandbox.podman([...wish, 'sleep', '1000']);
    assert.equal(code, 0, stderr);
  });
  after(() => sandbox.stop());

  test('its words by stream, and its exit status', async () => {
    const script = 'echo "ü $1"; echo lost >&2; exit 4';
    const ran = await command('box', ['sh', '-c', script, 'sh', 'two words']);
    assert.deepEqual(ran, { exit: 4, stdout: 'ü two words\n', stderr: 'lost\n' });
  });

  test('more than one frame', async () => {
    const { stdout, exit } = await command('box', ['sh', '-c', 'yes psi | head -c 300000']);
    assert.deepEqual([exit, stdout.length], [0, 300_000]);
  });

  test('nothing at all', async () => {
    assert.deepEqual(await command('box', ['true']), { exit: 0, stdout: '', stderr: '' });
  });

  test('no such container', async () => {
    await assert.rejects(command('nobody', ['true']), {
      code: 'HOST',
      message: /run a command in the container nobody/,
    });
  });

  test('no such program', async () => {
    const { exit, stdout } = await command('box', ['/nowhere']);
    assert.deepEqual([exit, stdout], [127, '']);
  });

  test('an image that is here, and one that is not', async () => {
    const isHere = createImageLook({ socketPath: sandbox.socket });
    assert.equal(await isHere(sandbox.image), true);
    assert.equal(await isHere('registry.example.com:5000/team/psi:1'), false);
  });
});
