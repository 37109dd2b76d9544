// The cache on a key that systemd decrypts: through an outage with it, and without it PSI serves live and says what to look at.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answerOf } from '../hosts/answer.ts';
import { onEachRoot, sleeper, startPsiHost, type PsiHost } from './psi-host.ts';
import { steps } from '../hosts/steps.ts';

const STORE = '/etc/credstore.encrypted';

await onEachRoot(({ suite, supported, options }) => {
  let stage: PsiHost;
  before(async () => {
    if (!supported) return;
    stage = await startPsiHost({
      suite,
      folders: { '/myapp': { A: 'value-a' } },
      workloads: { myapp: { secrets: [{ project: 'main', path: '/myapp' }] } },
      quadlets: { 'myapp.container': sleeper() },
      config: { cache: { backend: 'credential' } },
      prepare: (host) =>
        host.ok(
          `mkdir -p -m 0700 ${STORE} && head -c 32 /dev/urandom | ` +
            `systemd-creds encrypt --with-key=host --name=psi-cache-key - ${STORE}/psi-cache-key && cp ${STORE}/psi-cache-key /root/psi-cache-key.saved`,
        ),
    });
    await stage.setup();
  });
  after(async () => {
    if (supported) await stage.stop();
  });

  const provider = (outage: 'none' | 'refuse'): Promise<string> => stage.double('PATCH', '/knobs', { outage });

  async function cacheStatus(): Promise<{ entries: number; problem: { message: string; hint: string } | null }> {
    const { stdout } = await stage.psi('cache', 'status', '--json');
    return answerOf(stdout) as Awaited<ReturnType<typeof cacheStatus>>;
  }

  test(
    'a key that systemd holds carries the cache through an outage, is missed without harm, and put right again',
    options,
    async (t) => {
      await steps(t, {
        'through an outage a workload starts from the cache of a restarted PSI': async () => {
          await provider('refuse');
          await stage.host.ok('systemctl restart psi-cache-key.service psi.service');
          await stage.host.ok('systemctl restart myapp.service');
          assert.equal((await stage.environ('systemd-myapp')).get('A'), 'value-a');
          const { entries, problem } = await cacheStatus();
          assert.deepEqual([entries, problem], [1, null]);
        },
        'a key that systemd cannot decrypt leaves PSI serving live, with what to look at': async () => {
          await provider('none');
          await stage.host.ok(`echo bm90IG9uZQ== > ${STORE}/psi-cache-key`);
          await stage.host.run('systemctl restart psi-cache-key.service');
          await stage.host.ok('systemctl restart psi.service');
          await stage.host.ok('systemctl restart myapp.service');
          assert.equal((await stage.environ('systemd-myapp')).get('A'), 'value-a');
          const { problem } = await cacheStatus();
          assert.match(problem?.message ?? '', /psi-cache-key cannot be read/);
          assert.match(problem?.hint ?? '', /systemctl status psi-cache-key/);
        },
        'the key put right, a restart opens the cache again': async () => {
          await stage.host.ok(`cp /root/psi-cache-key.saved ${STORE}/psi-cache-key`);
          await provider('refuse');
          await stage.host.ok('systemctl restart psi-cache-key.service');
          await stage.host.ok('systemctl restart psi.service');
          await stage.host.ok('systemctl restart myapp.service');
          assert.equal((await stage.environ('systemd-myapp')).get('A'), 'value-a');
          assert.equal((await cacheStatus()).problem, null);
        },
      });
    },
  );
});
