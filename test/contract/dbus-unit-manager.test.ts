// Against a real bus: dbus-daemon with a configuration of its own, and on it an object that answers as systemd's manager.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { DbusUnitManager } from '../../src/adapters/systemd/dbus-unit-manager.ts';
import { PsiError } from '../../src/core/error.ts';
import { unitManagerContract } from './unit-manager.contract.ts';
import { joinAsSystemd, startBus } from '../doubles/systemd-bus.ts';
import { FakeUnitManager } from '../fakes/unit-manager.fake.ts';

describe('systemd over D-Bus', () => {
  let dir: string;
  const undo: (() => Promise<void>)[] = [];
  let hung: Server;
  const hungSockets: Socket[] = [];
  let reloads = 0;
  let refusal: string | undefined;
  const units = new Set<string>();

  const bus = async (name: string, rules?: string): Promise<string> => {
    const started = await startBus(dir, name, rules);
    undo.push(started.stop);
    return started.socket;
  };
  const systemd = async (socket: string): Promise<void> => {
    const { leave } = await joinAsSystemd(
      socket,
      () => {
        if (refusal !== undefined) throw Object.assign(new Error('refused for the test'), { dbusName: refusal });
        reloads += 1;
      },
      units,
    );
    undo.push(leave);
  };

  let ready: string;
  let empty: string;
  let strict: string;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'psi-dbus-'));
    ready = await bus('ready');
    empty = await bus('empty');
    strict = await bus('strict', '<deny send_interface="org.freedesktop.systemd1.Manager" send_member="Reload"/>');
    await systemd(ready);
    await systemd(strict);
    hung = createServer((socket) => hungSockets.push(socket));
    await new Promise<void>((resolve) => hung.listen(join(dir, 'hung'), resolve));
  });

  after(async () => {
    for (const step of undo.reverse()) await step();
    for (const socket of hungSockets) socket.destroy();
    await new Promise((resolve) => hung.close(resolve));
    await rm(dir, { recursive: true });
  });

  const failure = async (socketPath: string, timeoutMs?: number): Promise<PsiError> => {
    const manager = new DbusUnitManager({ socketPath, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    try {
      await manager.reload();
    } catch (error) {
      assert.ok(error instanceof PsiError);
      assert.equal(error.code, 'HOST');
      return error;
    }
    return assert.fail('the reload succeeded');
  };

  unitManagerContract('the fake', () => {
    const manager = new FakeUnitManager();
    const refuse = () => {
      manager.failWith = new PsiError('HOST', 'refused', { hint: 'test' });
    };
    const add = (unit: string): void => void manager.units.add(unit);
    return Promise.resolve({ manager, reloads: () => manager.reloads, refuse, add });
  });

  unitManagerContract('the bus', () => {
    reloads = 0;
    refusal = undefined;
    const refuse = () => {
      refusal = 'org.freedesktop.systemd1.SomeError';
    };
    const manager = new DbusUnitManager({ socketPath: ready });
    return Promise.resolve({ manager, reloads: () => reloads, refuse, add: (unit) => void units.add(unit) });
  });

  it('says that the folder of the bus has to be mounted when the socket is missing', async () => {
    const { message, hint } = await failure(join(dir, 'absent'));
    assert.match(message, /there is no D-Bus socket/);
    assert.match(hint ?? '', /systemctl start dbus\.socket.*its folder has to be mounted/);
  });

  it('says so when nobody on the bus can tell which units there are', async () => {
    const manager = new DbusUnitManager({ socketPath: empty });
    await assert.rejects(manager.has('app.service'), { code: 'HOST', message: /does not say whether it has app/ });
  });

  it('says that access is denied when the policy of the bus forbids it', async () => {
    assert.match((await failure(strict)).message, /access denied/);
  });

  it('says that there is no systemd on the bus', async () => {
    assert.match((await failure(empty)).message, /no systemd answers/);
  });

  it('gives up on a bus that never answers, and may be asked again', async () => {
    const { message, retry } = await failure(join(dir, 'hung'), 50);
    assert.match(message, /did not finish the reload within 0.05 s/);
    assert.equal(retry, 'later');
  });

  it('fails when the bus goes away in the middle', async () => {
    const socketPath = join(dir, 'closing');
    const server = createServer((socket) => socket.once('data', () => socket.destroy()));
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    const { retry } = await failure(socketPath);
    assert.equal(retry, 'later');
    await new Promise((resolve) => server.close(resolve));
  });

  it('fails when the bus takes another uid for the peer', async () => {
    const socketPath = join(dir, 'rejecting');
    const server = createServer((socket) => socket.on('data', () => socket.write('REJECTED EXTERNAL\r\n')));
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    assert.match((await failure(socketPath)).hint ?? '', /UserNS=keep-id/);
    await new Promise((resolve) => server.close(resolve));
  });
});
