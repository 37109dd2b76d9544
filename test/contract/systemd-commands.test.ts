// Commands on the host by a double of its systemd, and where there is none to run them; the real one is the host tier's matter.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { SystemdCommands } from '../../src/adapters/systemd/host-commands.ts';
import { SystemdTimers } from '../../src/adapters/systemd/timers.ts';
import type { HostCommandResult } from '../../src/certificates/host-commands.ts';
import { hostCommandsContract } from './host-commands.contract.ts';
import { joinAsSystemd, startBus, type PrivateBus } from '../doubles/systemd-bus.ts';
import { joinAsCommandRunner } from '../doubles/systemd-commands.ts';

/** A command that ends so. */
function ending({ exit, output }: HostCommandResult): readonly string[] {
  const end = exit === undefined ? 'kill -9 $$' : `exit ${String(exit)}`;
  return ['sh', '-c', `for line; do echo "$line"; done; ${end}`, 'sh', ...output];
}

hostCommandsContract('systemd', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'psi-commands-'));
  const bus = await startBus(dir, 'bus');
  const { leave } = await joinAsCommandRunner(bus.socket);
  return {
    commands: new SystemdCommands({ socketPath: bus.socket, outputDir: dir }),
    ending,
    breakDown: leave,
    dispose: async () => {
      await bus.stop();
      await rm(dir, { recursive: true });
    },
  };
});

describe('a command on a host without systemd', () => {
  let dir: string;
  let outputDir: string;
  let empty: PrivateBus;
  let strange: PrivateBus;
  let leave: () => Promise<void>;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'psi-commands-'));
    outputDir = join(dir, 'out');
    await mkdir(outputDir);
    empty = await startBus(dir, 'empty');
    strange = await startBus(dir, 'strange');
    // A manager that can reload and nothing else.
    ({ leave } = await joinAsSystemd(strange.socket, () => undefined));
  });
  after(async () => {
    await leave();
    await empty.stop();
    await strange.stop();
    await rm(dir, { recursive: true });
  });

  const run = (socketPath: string): Promise<unknown> =>
    new SystemdCommands({ socketPath, outputDir }).run(['true'], 'a test');

  test('fails with what to look at, and leaves nothing behind', async () => {
    await writeFile(join(outputDir, '.psi-hook-0123456789ab.service.out'), 'of a killed run');
    await assert.rejects(run(join(dir, 'absent')), {
      code: 'HOST',
      message: /no D-Bus socket/,
      hint: /systemctl start dbus\.socket/,
    });
    await assert.rejects(run(empty.socket), {
      code: 'HOST',
      message: /refuses to run the command/,
      hint: /systemd-run/,
    });
    await assert.rejects(run(strange.socket), { code: 'HOST', message: /refuses to run the command/ });
    assert.deepEqual(await readdir(outputDir), []);
  });

  test('has no timer to tell of', async () => {
    for (const socketPath of [join(dir, 'absent'), empty.socket, strange.socket]) {
      assert.equal(await new SystemdTimers({ socketPath }).nextRun('psi-tls-renew.timer'), undefined);
    }
  });
});
