import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { SocketFinding } from '../../../src/host/socket-path.ts';
import { createLog } from '../../../src/service/log.ts';
import { SocketWatch, type SocketWatchDeps } from '../../../src/service/socket-watch.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';

/** A socket that is served, and found as the test says. */
async function stage(over: Partial<SocketWatchDeps> = {}, first: SocketFinding = { kind: 'fine' }) {
  const clock = new FakeClock();
  const lines: string[] = [];
  const at = { finding: first, restorable: true, renewals: 0, restored: [] as number[] };
  const watch = new SocketWatch({
    socket: {
      look: () => Promise.resolve(at.finding),
      restoreMode: (mode) => {
        at.restored.push(mode);
        if (at.restorable) at.finding = { kind: 'fine' };
        return Promise.resolve(at.restorable);
      },
    },
    place: { path: '/run/psi/psi.sock', remedy: 'systemctl restart psi.socket' },
    renew: () => {
      at.renewals += 1;
      return Promise.resolve();
    },
    clock,
    log: createLog('info', { write: (line) => void lines.push(line) }),
    ...over,
  });
  watch.start();
  await clock.untilSleeping();
  return { watch, clock, lines, at };
}

const said = ({ problem }: SocketWatch): string => (problem ? `${problem.message}: ${problem.hint ?? ''}` : '');

test('a socket that is removed is named with its command, and systemd is asked for a new one', async () => {
  const { watch, at } = await stage();
  await watch.look();
  assert.equal(said(watch), '');
  at.finding = { kind: 'removed' };
  await watch.look();
  assert.match(
    said(watch),
    /^lookups do not reach psi: \/run\/psi\/psi\.sock was removed: .*`systemctl restart psi\.socket`/,
  );
  assert.equal(at.renewals, 1);
  at.finding = { kind: 'fine' };
  await watch.look();
  assert.equal(said(watch), '');
});

test('systemd is asked once a minute at most, and never for a socket that was not in order before', async () => {
  const { watch, at, clock } = await stage({}, { kind: 'covered' });
  assert.equal(at.renewals, 0);
  at.finding = { kind: 'fine' };
  await watch.look();
  at.finding = { kind: 'foreign' };
  await watch.look();
  await watch.look();
  assert.equal(at.renewals, 1);
  await clock.advance(60_000);
  await watch.look();
  assert.equal(at.renewals, 2);
});

test('a mode is put back, and named where that cannot be', async () => {
  const { watch, at, lines } = await stage();
  at.finding = { kind: 'mode', mode: 0, wanted: 0o600 };
  await watch.look();
  assert.deepEqual([at.restored, said(watch)], [[0o600], '']);
  assert.match(lines.join(''), /mode of the driver socket is put back/);
  at.finding = { kind: 'mode', mode: 0, wanted: 0o600 };
  at.restorable = false;
  await watch.look();
  assert.match(said(watch), /has the mode 0000 and not 0600/);
});

test('what nobody can tell changes nothing, and without systemd the problem is named all the same', async () => {
  const { watch, at, lines } = await stage({ renew: undefined });
  await watch.look();
  at.finding = { kind: 'removed' };
  await watch.look();
  at.finding = { kind: 'unknown' };
  await watch.look();
  assert.match(said(watch), /was removed/);
  assert.equal(lines.filter((line) => line.includes('was removed')).length, 1);
});

test('it looks every ten seconds until it is closed', async () => {
  const { watch, at, clock } = await stage();
  at.finding = { kind: 'removed' };
  await clock.advance(10_000);
  assert.match(said(watch), /was removed/);
  watch.close();
  assert.equal(clock.sleeping, 0);
});
