// Through an outage on a real host: the cache on a software TPM, the provider dead, PSI restarted or killed in the middle of a save, and
// workloads start all the same with the right values.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { answerOf } from '../hosts/answer.ts';
import { compileKillPoint, isReplaced, KILL_POINTS } from '../doubles/kill-point/kill-point.ts';
import { SUITE } from '../hosts/base-root.ts';
import type { Host } from '../hosts/nspawn.ts';
import { PROJECT, onEachRoot, sleeper, startPsiHost, type PsiHost } from './psi-host.ts';
import { steps } from '../hosts/steps.ts';

const TPM_AUTH = 'canary-tpm-auth-77ab';
const VALUES = {
  TOKEN: 'canary-value-first',
  MULTI: 'canary-value\n second "line"\n\n$HOME `x` \\n %h last',
  UNICODE: 'canary-value grüezi 🔑',
  EMPTY: '',
};
const COUNT = Object.keys(VALUES).length;
// In a folder of the host that PSI's container sees.
const TPM = '/run/psi/tpm';
const ARMED = '/run/psi/kill-point';

await onEachRoot(({ suite, supported, options }) => {
  let stage: PsiHost;
  let dir: string;
  before(async () => {
    if (!supported) return;
    dir = await mkdtemp(join(tmpdir(), 'psi-outage-'));
    const library = await readFile(await compileKillPoint(dir));
    stage = await startPsiHost({
      suite,
      folders: { '/myapp': VALUES },
      workloads: { myapp: { secrets: [{ project: 'main', path: '/myapp' }] } },
      quadlets: { 'myapp.container': sleeper() },
      config: {
        cache: { backend: 'tpm', tpm: { tcti: `swtpm:path=${TPM}/s`, pcrs: [7], auth: { file: '/etc/psi/tpm-auth' } } },
      },
      prepare: async (host) => {
        await host.write('/etc/psi/tpm-auth', TPM_AUTH, 0o600);
        await host.ok(['install', '-m', '0755', '/dev/stdin', '/etc/psi/kill-point.so'], { input: library });
        await host.write(
          '/etc/containers/systemd/psi.container.d/kill-point.conf',
          `[Container]\nEnvironment=LD_PRELOAD=/etc/psi/kill-point.so KILL_POINT_FILE=${ARMED}\n`,
        );
        await startTpm(host, 'one');
      },
    });
    await stage.setup();
  });
  after(async () => {
    if (!supported) return;
    await stage.stop();
    await rm(dir, { recursive: true, force: true });
  });

  async function startTpm(host: Host, state: string): Promise<void> {
    await host.ok(`mkdir -p -m 0700 ${TPM} /var/lib/swtpm-${state}`);
    await host.ok(
      `systemd-run --quiet --unit=swtpm swtpm socket --tpm2 --tpmstate dir=/var/lib/swtpm-${state} ` +
        `--server type=unixio,path=${TPM}/s --ctrl type=unixio,path=${TPM}/s.ctrl --flags not-need-init,startup-clear`,
    );
    await host.until(`test -S ${TPM}/s.ctrl`);
  }

  type CacheStatus = {
    readonly state: string;
    readonly entries: number;
    readonly problem: { readonly message: string; readonly hint: string } | null;
    readonly setAside: string | null;
    readonly verified: { readonly ok: boolean; readonly entries: number } | null;
  };

  const cacheStatus = async (): Promise<CacheStatus> => {
    const { stdout } = await stage.psi('cache', 'status', '--verify', '--json');
    return answerOf(stdout) as CacheStatus;
  };

  /** The provider answers or refuses connections; a restarted PSI knows nothing of what was before. */
  const provider = (outage: 'none' | 'refuse'): Promise<string> => stage.double('PATCH', '/knobs', { outage });

  async function startsWith(values: Readonly<Record<string, string>>, what: string): Promise<void> {
    await stage.host.ok('systemctl restart myapp.service');
    const environ = await stage.environ('systemd-myapp');
    for (const [key, value] of Object.entries(values)) assert.equal(environ.get(key), value, `${what}: ${key}`);
  }

  test(
    'a host with its cache on a TPM goes through an outage, kills in the middle of saves, and the loss of its TPM',
    options,
    async (t) => {
      await steps(t, {
        'the provider dead and PSI restarted, a workload starts with every value byte for byte': async () => {
          await provider('refuse');
          await stage.host.ok('systemctl restart psi.service');
          await startsWith(VALUES, 'outage');
          const { verified, problem, setAside } = await cacheStatus();
          assert.deepEqual([verified?.ok, verified?.entries, problem, setAside], [true, COUNT, null, null]);
        },
        'a refresh during the outage exits 75 and leaves the file as it is': async () => {
          await provider('refuse');
          const before = await stage.host.ok('sha256sum /var/lib/psi/cache.enc');
          assert.equal((await stage.psi('cache', 'refresh')).code, 75);
          const unit = await stage.host.run('systemctl start psi-infisical-refresh.service');
          assert.notEqual(unit.code, 0);
          assert.match(await stage.host.ok('systemctl show -p ExecMainStatus psi-infisical-refresh.service'), /=75$/m);
          assert.equal(await stage.host.ok('sha256sum /var/lib/psi/cache.enc'), before);
          assert.match(await stage.host.ok('systemctl list-timers --all'), /psi-infisical-refresh\.timer/);
        },
        'killed at any step of a save, PSI comes back and workloads start through an outage': async () => {
          // What a kill does to the file is the same on each host; that systemd and Podman bring PSI back is not.
          let token = VALUES.TOKEN;
          const ends = 'journalctl -u psi.service -o cat | grep -c status=137';
          const restarts = async (): Promise<number> =>
            Number(await stage.host.ok('systemctl show --value -p NRestarts psi'));
          for (const point of suite === SUITE ? KILL_POINTS : KILL_POINTS.slice(-1)) {
            await provider('none');
            await stage.host.ok('systemctl restart psi.service');
            await cacheStatus();
            const value = `canary-value-${point.replaceAll(' ', '-')}`;
            await stage.double('PUT', '/secrets', {
              project: PROJECT,
              environment: 'prod',
              path: '/myapp',
              key: 'TOKEN',
              value,
            });
            const before = await restarts();
            const killed = Number((await stage.host.run(ends)).stdout);
            await stage.host.write(ARMED, point);
            assert.notEqual((await stage.psi('cache', 'refresh')).code, 0, point);
            await stage.host.until(`test "$(${ends})" -gt ${String(killed)}`);
            await stage.host.ok(`rm ${ARMED}`);
            await provider('refuse');
            await stage.host.until(`test "$(systemctl show --value -p NRestarts psi)" -gt ${String(before)}`);
            await stage.host.until('podman exec psi psi health');
            token = isReplaced(point) ? value : token;
            await startsWith({ ...VALUES, TOKEN: token }, point);
            const { verified, setAside, entries } = await cacheStatus();
            assert.deepEqual([verified?.ok, verified?.entries, setAside, entries], [true, COUNT, null, COUNT], point);
          }
        },
        'no value and no key is in the journal, a command line, an environment or a wider file': async () => {
          const { host } = stage;
          const podman = await host.ok('podman inspect psi systemd-myapp');
          // Its environment holds the values, as it should.
          await host.ok('systemctl stop myapp.service');
          const shown = {
            // Without --all long and binary fields are left out.
            journal: await host.ok('journalctl --all -o cat'),
            podman,
            state: await host.ok('find /var/lib/psi -type f -exec cat {} +'),
            units: await host.ok(
              'cat /etc/systemd/system/psi* /etc/containers/systemd/psi.container /run/systemd/generator/psi*',
            ),
            // Processes come and go meanwhile.
            commands: await host.ok('cat /proc/[0-9]*/cmdline 2>/dev/null; true'),
            environments: await host.ok('cat /proc/[0-9]*/environ 2>/dev/null; true'),
          };
          // That each of them was read at all.
          const known = {
            journal: 'psi serves',
            podman: 'psi',
            state: 'PSIC',
            units: 'Backlog=',
            commands: '/dist/main.cjs',
          };
          for (const [where, text] of Object.entries(known))
            assert.ok(shown[where as keyof typeof known].includes(text), where);
          assert.ok(shown.environments.includes('KILL_POINT_FILE='));
          for (const [where, text] of Object.entries(shown)) {
            assert.ok(!text.includes('canary-value'), `a value in the ${where}`);
            assert.ok(!text.includes(TPM_AUTH), `the auth value in the ${where}`);
          }
          assert.equal((await stage.host.ok('find /var/lib/psi -type f ! -perm 0600')).trim(), '');
        },
        'with another TPM or none PSI serves live and says why': async () => {
          await provider('none');
          await stage.host.ok('systemctl stop swtpm.service');
          for (const state of ['two', undefined]) {
            if (state) await startTpm(stage.host, state);
            else await stage.host.ok('systemctl stop swtpm.service');
            await stage.host.ok('systemctl restart psi.service');
            await stage.host.ok('systemctl restart myapp.service');
            const { problem, entries } = await cacheStatus();
            assert.ok(problem && problem.hint !== '', `TPM ${String(state)}`);
            assert.ok(entries > 0);
            const health = await stage.host.ok('curl -sf --unix-socket /run/psi/psi.sock http://localhost/healthz');
            assert.match(health, /"status":"ok","cache":"cache locked: /);
            const status = await stage.psi('status');
            assert.deepEqual([status.code, /^warning the cache is /.test(status.stdout)], [4, true], status.stdout);
          }
        },
      });
    },
  );
});
