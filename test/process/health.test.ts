// `psi health`, the check of units and images: green while lookups are answered, whatever else is wrong, and red when they are not.

import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run } from '../hosts/run.ts';
import { said, stage, type Observed } from './observed/stage.ts';

const VALUES = { folders: { '/app': { A: 'value a' } } } as const;

async function healthy(it: Observed, when: string): Promise<void> {
  const found = await it.psi.cli('health');
  assert.deepEqual([found.code, found.stdout.split('\n')[0]], [0, 'healthy'], `${when}: ${said(found)}`);
}

test('health is green in an outage, on a fallen-back config, with none at all, and after a failed setup', async (t) => {
  const it = await stage(t, { ...VALUES, cache: {} });
  await healthy(it, 'at first');
  await it.registered();
  await it.outage();
  assert.equal((await it.setup('--workload', 'nobody')).code, 64);
  await healthy(it, 'in an outage');
  await writeFile(it.psi.configFile, 'workloads: [\n');
  await healthy(it, 'with a config that is refused');
  await it.restart(PSI_UNDER_TEST, { ...it.options, file: 'workloads: [\n' });
  await healthy(it, 'on the last good config');
  await it.psi.stop();
  await rm(it.psi.stateDir, { recursive: true });
  await it.restart(PSI_UNDER_TEST, { ...it.options, file: null });
  await healthy(it, 'without a config');
});

test('health is red when nobody answers on the socket, and says where to look', async (t) => {
  const it = await stage(t, VALUES);
  await rm(it.psi.socket);
  const removed = await it.psi.cli('health');
  assert.equal(removed.code, 69, said(removed));
  assert.match(removed.stderr, /does not answer on \S+psi\.sock: ENOENT\nhint: see `systemctl status psi\.socket/);
  await it.psi.stop();
  assert.equal((await it.psi.cli('health')).code, 69);
});

test('health waits 5 s at most for whoever takes the question and says nothing', async (t) => {
  const it = await stage(t, VALUES);
  await it.psi.stop();
  const taken: Socket[] = [];
  const mute = createServer((socket) => taken.push(socket)).listen(it.psi.socket);
  await once(mute, 'listening');
  t.after(() => {
    for (const socket of taken) socket.destroy();
    mute.close();
  });
  const began = performance.now();
  const found = await it.psi.cli('health');
  assert.equal(found.code, 69, said(found));
  assert.match(found.stderr, /no answer within 5 s/);
  assert.ok(performance.now() - began < 9_000);
});

test('health needs the config only where no unit names the socket, and none that is good', async (t) => {
  const it = await stage(t, VALUES);
  const [program = '', ...args] = PSI_UNDER_TEST;
  const health = (env: Readonly<Record<string, string>>): ReturnType<typeof run> =>
    run([program, ...args, 'health'], { env: { PATH: process.env['PATH'], ...env } });
  const byConfig = await health({ PSI_CONFIG: it.psi.configFile });
  assert.equal(byConfig.code, 0, said(byConfig));
  const byUnit = await health({ PSI_SOCKET: it.psi.socket, PSI_CONFIG: join(it.options.dir, 'nowhere.yaml') });
  assert.equal(byUnit.code, 0, said(byUnit));
  await writeFile(it.psi.configFile, 'workloads: [\n');
  const refused = await health({ PSI_CONFIG: it.psi.configFile, PSI_STATE_DIR: it.psi.stateDir });
  assert.equal(refused.code, 0, said(refused));
});
