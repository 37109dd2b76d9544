// What PSI adds to the start of a container with many secrets on a host without the lookup helper: nearly all of it is the start of curl, once per
// secret.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { psiHostSupport, startPsiHost, type PsiHost } from './psi-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const COUNT = 50;
const VALUES = Object.fromEntries(
  Array.from({ length: COUNT }, (_, index) => [`K${String(index)}`, `value ${String(index)}`]),
);

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost({
    measured: true,
    folders: { '/many': VALUES },
    workloads: { many: { secrets: [{ project: 'main', path: '/many' }] } },
    // What is held is logged at that level.
    quadlets: { 'psi.container.d/log.conf': '[Container]\nEnvironment=PSI_LOG_LEVEL=debug\n' },
  });
  await stage.host.ok('psi install --no-helper');
  await stage.setup();
});
after(async () => {
  if (support.ok) await stage.stop();
});

/** Milliseconds of one `podman run`, as the host's own clock has it. */
async function start(secrets: readonly string[]): Promise<number> {
  const flags = secrets.map((key) => `--secret many--${key},type=env,target=${key}`).join(' ');
  const run = `podman run --rm --network=none ${flags} localhost/psi-busybox:test true`;
  return Number(await stage.host.ok(`a=$(date +%s%3N); ${run} || exit 1; b=$(date +%s%3N); echo $((b - a))`));
}

test('its own share of what 50 secrets add to a start is under 5 %', options, async () => {
  const keys = Object.keys(VALUES);
  await start(keys);
  const none = await start([]);
  const cursor = /-- cursor: (\S+)/.exec(await stage.host.ok('journalctl -n 1 --show-cursor'))?.[1] ?? '';
  const all = await start(keys);
  await stage.host.ok('journalctl --sync');
  const lines = await stage.host.ok(['journalctl', '-o', 'cat', '-u', 'psi.service', `--after-cursor=${cursor}`]);
  const lookups = lines
    .split('\n')
    .filter((line) => line.includes('"audit":"lookup"'))
    .map((line) => JSON.parse(line) as { outcome: string; ms: number });
  assert.equal(lookups.filter(({ outcome }) => outcome === 'ok').length, COUNT);
  const own = lookups.reduce((sum, { ms }) => sum + ms, 0);
  // A ratio of two times of the same run, not a bound on either.
  assert.ok(own < (all - none) * 0.05, `${own.toFixed(1)} ms of ${String(all - none)} ms`);
});
