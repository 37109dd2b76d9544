// Restarts and replacements while secrets are in use: no lookup and no start may fail.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answerOf } from '../hosts/answer.ts';
import { psiHostSupport, sleeper, startPsiHost, type PsiHost, type PsiHostOptions } from './psi-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const MANY = Object.fromEntries(
  Array.from({ length: 200 }, (_, index) => [`K${String(index)}`, `value ${String(index)}`]),
);
const STAGE: PsiHostOptions = {
  folders: { '/many': MANY, '/few': { A: '1', B: '2', C: '3' } },
  workloads: {
    many: { secrets: [{ project: 'main', path: '/many' }] },
    few: { secrets: [{ project: 'main', path: '/few' }] },
  },
  quadlets: { 'few.container': sleeper() },
};

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost(STAGE);
  await stage.setup();
});
after(async () => {
  if (support.ok) await stage.stop();
});

// The very command that Podman froze, run as Podman runs it: `sh -c` with SECRET_ID.
const LOOKUPS = `
lookup=$(podman secret inspect few--A --format '{{index .Spec.Driver.Options "lookup"}}')
SECRET_ID=$(podman secret inspect few--A --format '{{.ID}}'); export SECRET_ID
one() { [ "$(sh -c "$lookup")" = 1 ] || echo failed; }
`;

test(
  '500 lookups one after another and 500 at once succeed while psi.service restarts ten times',
  options,
  async () => {
    const restarts = stage.host.ok('for i in 1 2 3 4 5 6 7 8 9 10; do systemctl restart psi.service || exit 1; done');
    const serial = stage.host.ok(`${LOOKUPS} for i in $(seq 500); do one; done`);
    const atOnce = stage.host.ok(`${LOOKUPS} for i in $(seq 500); do one & done; wait`);
    const [, ...failures] = await Promise.all([restarts, serial, atOnce]);
    assert.deepEqual(failures, ['', '']);
  },
);

test('no start fails while setup replaces 200 secrets that it uses', options, async () => {
  // Another time limit is another driver command: every secret has to be replaced.
  await stage.writeConfig({ ...STAGE, config: { lookup: { timeout: '9s' } } });
  const planned = answerOf((await stage.psi('setup', '--dry-run', '--json')).stdout) as {
    changes: { action: string }[];
  };
  assert.deepEqual(new Set(planned.changes.map(({ action }) => action)), new Set(['replace']));
  assert.equal(planned.changes.length, 203);
  const loop = `
touch /run/replacing
(podman exec psi psi setup >/run/setup.log 2>&1; echo $? >/run/setup.code; rm /run/replacing) &
starts=0
while [ -e /run/replacing ]; do
  podman run --rm --network=none --secret many--K0,type=env --secret many--K100,type=env --secret few--A,type=env,target=A localhost/psi-busybox:test \\
    sh -c '[ "$A" = 1 ]' || { echo a start failed; exit 1; }
  starts=$((starts + 1))
done
echo "$starts"`;
  const starts = Number((await stage.host.ok(loop)).trim().split('\n').at(-1));
  assert.ok(starts > 3, `only ${String(starts)} starts happened meanwhile`);
  assert.equal((await stage.host.read('/run/setup.code')).trim(), '0', await stage.host.read('/run/setup.log'));
  assert.match(await stage.setup(), /nothing to change, 203 unchanged/);
});

test('a workload that starts while psi is being restarted gets its secrets', options, async () => {
  await Promise.all([
    stage.host.ok('for i in 1 2 3; do systemctl restart psi.service; done'),
    stage.host.ok('for i in 1 2 3 4 5 6; do systemctl restart few.service || exit 1; done'),
  ]);
  assert.equal((await stage.environ('systemd-few')).get('C'), '3');
});

test('podman exec asks again and gets an answer while psi is stopped: the socket starts it', options, async () => {
  await stage.host.ok('systemctl restart few.service && systemctl stop psi.service');
  assert.equal(await stage.host.ok('podman exec systemd-few sh -c \'printf %s "$B"\''), '2');
});
