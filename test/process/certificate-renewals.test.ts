// When certificates are renewed: none by each run, none too late for the timer that PSI itself writes, and none under a clock that would make
// it useless. By commands, files and a server alone.

import assert from 'node:assert/strict';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { stringify } from 'yaml';
import { startInfisicalDouble, type InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import { joinAsTimer, startBus } from '../doubles/systemd-bus.ts';
import { startPsi } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run, type RunResult } from '../hosts/run.ts';

const CREDENTIALS = { clientId: 'tls-host', clientSecret: 'canary-client-secret-tls' };
const PROFILE = '3d2a9c11-0000-4000-8000-000000000000';
/** nobody, whom a bus knows: PSI of a user writes its units below HOME. */
const USER = 65_534;
const AS_USER =
  process.getuid?.() === 0 ? ['setpriv', `--reuid=${String(USER)}`, `--regid=${String(USER)}`, '--clear-groups'] : [];

type Dates = { readonly ttl?: string; readonly renew_before?: string };

type Stage = {
  readonly double: InfisicalDouble;
  readonly bus: string;
  readonly psi: (...args: readonly string[]) => Promise<RunResult>;
  readonly tls: (...args: readonly string[]) => Promise<RunResult>;
  /** How many certificates the server has made. */
  readonly made: () => number;
  /** What the server was asked to make, the refused and the lost included. */
  readonly orders: () => number;
  /** The timer as `psi systemd install` writes it. */
  readonly timer: () => Promise<string>;
};

/** `aheadMs`: of the server's clock. */
async function stage(t: TestContext, dates: Dates, aheadMs = 0): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-renewals-'));
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 10 }));
  const home = join(dir, 'home');
  for (const folder of ['', 'home', 'out']) {
    await mkdir(join(dir, folder), { recursive: true });
    if (AS_USER.length > 0) await chown(join(dir, folder), USER, USER);
    await chmod(join(dir, folder), 0o755);
  }
  const double = await startInfisicalDouble({
    now: () => Date.now() + aheadMs,
    seed: { identities: [CREDENTIALS], projects: [{ id: 'p1' }], profiles: [{ id: PROFILE, project: 'p1' }] },
  });
  t.after(() => double.close());
  const output = { cert: join(dir, 'out/c.pem'), key: join(dir, 'out/c.key'), chain: join(dir, 'out/ch.pem') };
  const web = { project: 'main', profile_id: PROFILE, common_name: 'web.example.com', ...dates, output };
  const bus = join(dir, 'bus');
  const infisical = {
    api_url: double.url,
    auth: { method: 'universal-auth', client_id: CREDENTIALS.clientId, client_secret: CREDENTIALS.clientSecret },
    projects: { main: { id: 'p1' } },
    tls: { certificates: { web } },
  };
  const config = join(dir, 'config.yaml');
  await writeFile(config, stringify({ state_dir: join(home, 'state'), dbus_socket: bus, providers: { infisical } }));
  const env = { PATH: process.env['PATH'], HOME: home, XDG_RUNTIME_DIR: home, PSI_CONFIG: config };
  const psi = (...args: readonly string[]): Promise<RunResult> =>
    run([...AS_USER, ...PSI_UNDER_TEST, ...args], { env });
  return {
    double,
    bus,
    psi,
    tls: (...args) => psi('infisical', 'tls', ...args),
    made: () => double.pki.certificates.size,
    orders: () =>
      double.calls.filter(({ method, path }) => method === 'POST' && path.includes('/cert-manager/')).length,
    timer: async () => {
      const installed = await psi('systemd', 'install');
      assert.equal(installed.code, 0, installed.stderr);
      return await readFile(join(home, '.config/systemd/user/psi-tls-renew.timer'), 'utf8');
    },
  };
}

const CASES: readonly (readonly [string, Dates, number])[] = [
  ['near the life', { ttl: '30d', renew_before: '719h' }, 0],
  ['near the life that the authority gives', { ttl: '90d', renew_before: '2159h' }, 20 * 86_400_000],
  ['as long as the life', { ttl: '30d', renew_before: '30d' }, 0],
  ['longer than the life', { ttl: '30d', renew_before: '60d' }, 0],
  ['above the life that the authority gives', { ttl: '90d', renew_before: '90d' }, 20 * 86_400_000],
];
for (const [what, dates, longestMs] of CASES) {
  test(`a renew_before ${what} renews nothing at the next runs, and status says when it does`, async (t) => {
    const it = await stage(t, dates);
    it.double.pki.set({ longestMs, backdatedMs: 3_600_000 });
    assert.equal((await it.tls('issue')).code, 0);
    for (const runs of [1, 2]) {
      const { code, stdout } = await it.tls('renew');
      assert.deepEqual([code, it.made()], [0, 1], `run ${String(runs)}: ${stdout}`);
    }
    const { stdout } = await it.tls('status');
    assert.match(stdout, /^web +web\.example\.com +valid /m);
    assert.match(stdout, /^web: it is renewed \S+.* before its end and not \d+d.*: it lives \d+d.*\nhint: set /m);
  });
}

test('the timer follows the shortest life of the config', async (t) => {
  const it = await stage(t, { ttl: '30m', renew_before: '10m' });
  // No look is later than ten minutes after the one before.
  assert.match(await it.timer(), /^OnCalendar=\*:0\/2\nRandomizedDelaySec=15s\nAccuracySec=1s$/m);
});

test('the timer follows the life that the authority gave, and an older one is named until it does', async (t) => {
  const it = await stage(t, { ttl: '90d', renew_before: '30d' });
  let calendar = '*-*-* 00:00:00';
  const bus = await startBus(join(it.bus, '..'), 'bus', '<allow user="*"/>');
  t.after(() => bus.stop());
  if (AS_USER.length > 0) await chmod(it.bus, 0o777);
  const { leave } = await joinAsTimer(it.bus, 'psi-tls-renew.timer', () => [calendar]);
  t.after(leave);
  assert.match(await it.timer(), /^OnCalendar=daily$/m);
  it.double.pki.set({ longestMs: 3_600_000 });
  assert.equal((await it.tls('issue')).code, 0);
  const { stdout } = await it.tls('status');
  assert.match(
    stdout,
    /^psi-tls-renew\.timer looks once a day, and web is renewed 20min before its end: it may end between two looks\nhint: .*systemd install --enable/m,
  );
  const check = await it.psi('check');
  assert.match(check.stdout, /^warning psi-tls-renew\.timer looks once a day, .*\nhint: .*systemd install --enable/m);
  assert.match(await it.timer(), /^OnCalendar=\*:0\/5$/m);
  calendar = '*-*-* *:00/5:00';
  assert.doesNotMatch((await it.tls('status')).stdout, /may end between two looks/);
});

test('a service whose timer looks too seldom says so in its status', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'psi-renewals-'));
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 10 }));
  const bus = await startBus(dir, 'bus');
  t.after(() => bus.stop());
  const { leave } = await joinAsTimer(bus.socket, 'psi-tls-renew.timer', () => ['*-*-* *:00:00']);
  t.after(leave);
  const output = { cert: join(dir, 'c.pem'), key: join(dir, 'c.key'), chain: join(dir, 'ch.pem') };
  const dates = { ttl: '3h', renew_before: '1h' };
  const web = { project: 'main', profile_id: PROFILE, common_name: 'web.example.com', ...dates, output };
  const options = {
    ...{ dir, podmanSocket: join(dir, 'no-podman.sock'), apiUrl: 'http://127.0.0.1:9', ...CREDENTIALS },
    ...{ projects: { main: { id: 'p1', environment: 'prod' } }, workloads: {} },
    ...{ config: { dbus_socket: bus.socket }, provider: { tls: { certificates: { web } } } },
  };
  const psi = await startPsi(options, PSI_UNDER_TEST);
  t.after(() => psi.kill());
  assert.match(
    (await psi.cli('status')).stdout,
    /warning psi-tls-renew\.timer looks once an hour, and web is renewed 1h before its end: .*\n.*systemd install/,
  );
});

test('a life that no timer holds is told at its place in the config, and by status', async (t) => {
  const it = await stage(t, { ttl: '5m', renew_before: '2m' });
  const check = await it.psi('check');
  assert.match(
    check.stdout,
    /config\.yaml:\d+:\d+ .*certificates\.web\.renew_before.*\(warning\)\n +expected +renewal 8min before the end/,
  );
  assert.match((await it.tls('status')).stdout, /^web is renewed 2min before its end: too short for any timer of psi/m);
});

for (const [what, aheadMs, ttl] of [
  ['ten minutes behind', 600_000, '30d'],
  ['ten hours ahead', -36_000_000, '24h'],
] as const) {
  test(`under a clock ${what} nothing is ordered, run after run, and the clock is named`, async (t) => {
    const it = await stage(t, { ttl, renew_before: '8h' }, aheadMs);
    for (const command of ['issue', 'renew']) {
      const { code, stderr } = await it.tls(command);
      assert.deepEqual([it.orders(), code], [0, 1], stderr);
      assert.match(
        stderr,
        /^error: web: the clock of this host is \S+.* (behind|ahead of) that of infisical .*\nhint: .*timedatectl/m,
      );
    }
    assert.match((await it.tls('status')).stdout, /^web: last error, .*the clock of this host is/m);
  });
}

test('a clock that differs by less than a certificate bears is no reason to wait', async (t) => {
  const it = await stage(t, { ttl: '30d', renew_before: '10d' }, 120_000);
  const { code, stderr } = await it.tls('issue');
  assert.deepEqual([code, it.orders(), it.made()], [0, 1, 1], stderr);
});
