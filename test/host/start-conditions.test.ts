// What a host may do to PSI without keeping it from its starts: a credential that nothing decrypts, a folder that is no folder, a stop in
// the middle of a start, a socket that somebody removes, a container that podman refuses.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CREDENTIALS, psiHostSupport, sleeper, startPsiHost, type PsiHost } from './psi-host.ts';
import { steps } from '../hosts/steps.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const STORE = '/etc/credstore.encrypted';
const NAME = 'infisical-client-secret';
const CACHE = '/srv/psi-cache';

/** Until a stop has ended, whenever it comes. */
const STOPPED_MS = 5_000;

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost({
    folders: { '/myapp': { A: 'value-a' } },
    workloads: { myapp: { secrets: [{ project: 'main', path: '/myapp' }] } },
    quadlets: { 'myapp.container': sleeper() },
    config: { cache: { backend: 'credential', path: `${CACHE}/cache.enc` } },
    provider: {
      auth: { method: 'universal-auth', client_id: CREDENTIALS.clientId, client_secret: { credential: NAME } },
    },
    prepare: async (host) => {
      const encrypt = (name: string, input: string): string =>
        `${input} | systemd-creds encrypt --with-key=host --name=${name} - ${STORE}/${name}`;
      await host.ok(`mkdir -p -m 0700 ${STORE} && ${encrypt('psi-cache-key', 'head -c 32 /dev/urandom')}`);
      await host.ok(encrypt(NAME, `printf %s ${CREDENTIALS.clientSecret}`));
      await host.ok(`cp ${STORE}/${NAME} /root/credential`);
    },
  });
  await stage.setup();
});
after(async () => {
  if (support.ok) await stage.stop();
});

const HEALTH = 'curl -sf -m 5 --unix-socket /run/psi/psi.sock http://localhost/healthz';

/** Whatever the test before left: PSI runs, as it was installed. */
async function running(): Promise<void> {
  await stage.host.ok(
    `test "$(systemctl show -P SubState psi.service)" = running || {
      cp /root/credential ${STORE}/${NAME}; rm -rf /etc/containers/systemd/psi.container.d
      systemctl daemon-reload; systemctl restart psi.socket && systemctl restart psi.service; }`,
  );
}

/** Does the host come to that by itself, while one waits? */
function comesTo(command: string): Promise<boolean> {
  return stage.host.until(command).then(
    () => true,
    () => false,
  );
}

/** A kill before it serves costs nobody anything. */
function killedWhileServing(journal: string): number {
  let serves = false;
  let count = 0;
  for (const line of journal.split('\n')) {
    if (line.startsWith('Starting psi.service')) serves = false;
    if (line.includes('"psi serves"')) serves = true;
    if (serves && /status=(?:9\/KILL|137)/.test(line)) count += 1;
  }
  return count;
}

/** All that a boot does: nothing is left of what was in memory. */
async function reboot(): Promise<void> {
  const { host } = stage;
  await host.ok(`systemctl stop myapp.service psi.socket psi.service 'psi-credential@*' psi-cache-key.service; true`);
  await host.ok('rm -rf /run/psi /run/psi-credentials /run/psi-mounts');
  await host.ok('systemctl start psi.socket psi.service');
}

async function startsFromCache(what: string): Promise<void> {
  await stage.host.ok('systemctl restart myapp.service');
  assert.equal((await stage.environ('systemd-myapp')).get('A'), 'value-a', what);
}

test('what psi needs only to ask the provider is no condition of its start', options, async (t) => {
  await steps(t, {
    'a credential that nothing decrypts: workloads start from the cache, at once and after a reboot': async () => {
      const { host, psi, double } = stage;
      await host.ok(`echo bm90IG9uZQ== >${STORE}/${NAME}`);
      await host.run(`systemctl restart psi-credential@${NAME}.service`);
      const restarted = await host.run('systemctl restart psi.service');
      assert.equal(restarted.code, 0, 'psi does not start without the credential');
      await startsFromCache('restarted');
      await double('PATCH', '/knobs', { outage: 'refuse' });
      await reboot();
      await startsFromCache('booted');
      await double('PATCH', '/knobs', { outage: 'none' });
      const setup = await psi('setup');
      assert.notEqual(setup.code, 0);
      assert.match(
        setup.stderr,
        new RegExp(`the credential ${NAME} does not exist[^]*psi-credential@${NAME}\\.service`),
      );
    },
    'put right, it is there without a restart of psi, and for root alone': async () => {
      const { host, setup } = stage;
      const before = await host.ok('systemctl show -P InvocationID psi.service');
      await host.ok(`cp /root/credential ${STORE}/${NAME} && systemctl restart psi-credential@${NAME}.service`);
      await setup();
      assert.equal(await host.ok('systemctl show -P InvocationID psi.service'), before);
      assert.equal(
        (await host.ok('stat -c %a%U /run/psi-credentials /run/psi-credentials/*')).trim(),
        '700root\n400root',
      );
      const found = await host.run(['grep', '-rlsF', CREDENTIALS.clientSecret, '/etc', '/var/lib/psi', '/srv']);
      assert.equal(found.stdout, '');
    },
    'a folder that PSI writes to and that is none is left out, said, and back with the next start': async () => {
      const { host, psi } = stage;
      await host.ok(`systemctl stop psi.service && mv ${CACHE} ${CACHE}.away && ln -s /nowhere ${CACHE}`);
      await host.ok('systemctl start psi.service');
      await startsFromCache('live');
      const refresh = await psi('cache', 'refresh');
      assert.notEqual(refresh.code, 0);
      assert.match(`${refresh.stdout}${refresh.stderr}`, /psi-cache/);
      await host.ok(`rm ${CACHE} && mv ${CACHE}.away ${CACHE} && systemctl restart psi.service`);
      await host.ok('podman exec psi psi cache refresh');
    },
  });
});

test(
  'a stop in the middle of a start ends it soon, and takes back nothing that was acknowledged',
  options,
  async () => {
    const { host } = stage;
    await running();
    const stored: string[] = [];
    for (const gap of ['0.3', '0.4', '0.5', '0.8', '1.2', '1.6']) {
      const id = gap.replace('.', '').padStart(25, 'a');
      const mapping = JSON.stringify({ provider: 'infisical', project: 'main', path: '/myapp', key: 'A' });
      const store = host.run([
        ...['curl', '-s', '-m', '20', '-o', '/dev/null', '-w', '%{http_code}', '--data-binary', mapping],
        ...['--unix-socket', '/run/psi/psi.sock', `http://localhost/store/${id}`],
      ]);
      const times = await host.ok(
        `systemctl start psi.service; systemctl restart --no-block psi.service
      until test "$(systemctl show -P ActiveState psi.service)" = activating; do sleep 0.02; done
      sleep ${gap}; from=$(date +%s%N); systemctl stop psi.service; echo $((($(date +%s%N) - from) / 1000000))`,
      );
      assert.ok(Number(times) < STOPPED_MS, `${gap} s after the start: ${times.trim()} ms`);
      await host.ok('systemctl start psi.service');
      if ((await store).stdout === '200') stored.push(id);
    }
    const list = await host.ok('curl -sf --unix-socket /run/psi/psi.sock http://localhost/list');
    for (const id of stored) assert.ok(list.includes(id), `${id} was acknowledged`);
    assert.equal(killedWhileServing(await host.journal('psi.service')), 0);
  },
);

test('a socket that was removed, or whose folder a foreign unit took, comes back by itself', options, async (t) => {
  const { host, psi } = stage;
  await running();
  let told = 0;
  const lost: Readonly<Record<string, string>> = {
    'the socket': 'rm /run/psi/psi.sock',
    'a foreign RuntimeDirectory': 'systemd-run --quiet --wait --property=RuntimeDirectory=psi true',
    'another folder': 'mv /run/psi /run/psi.away && mkdir -m 0700 /run/psi',
    'a mount on the folder': 'mount -t tmpfs none /run/psi',
  };
  await steps(
    t,
    Object.fromEntries(
      Object.entries(lost).map(([what, command]) => [
        what,
        async () => {
          await host.until('podman exec psi psi health');
          const before = await host.ok('systemctl show -P InvocationID psi.service');
          await host.ok(command);
          assert.notEqual((await host.run(HEALTH)).code, 0);
          // Whoever looks makes PSI look; it may have seen it by itself, and be on its way out.
          await psi('status');
          assert.ok(await comesTo(HEALTH), 'the socket does not come back');
          assert.notEqual(await host.ok('systemctl show -P InvocationID psi.service'), before);
          const said = (await host.journal('psi.service'))
            .split('\n')
            .filter((line) => line.includes('lookups do not reach psi'));
          assert.equal(said.length, (told += 1));
          assert.match(said.at(-1) ?? '', /systemctl restart psi\.socket/);
        },
      ]),
    ),
  );
  await host.run('systemctl stop psi.socket && umount /run/psi');
  await host.ok('systemctl start psi.socket psi.service && chmod 0 /run/psi/psi.sock');
  await psi('status');
  assert.equal((await host.ok('stat -c %a /run/psi/psi.sock')).trim(), '600');
});

test('the socket is there after a sixth restart within seconds, too', options, async () => {
  const { host } = stage;
  await running();
  await host.ok('for i in 1 2 3 4 5 6 7; do systemctl restart psi.socket; done');
  assert.ok(await comesTo(HEALTH));
  // On a machine that takes longer for them, systemd counts none.
  assert.equal((await host.ok('systemctl show -P StartLimitIntervalUSec psi.socket')).trim(), '0');
});

test('units that are older than the image are named, with the command that renders them', options, async () => {
  const { host, psi } = stage;
  await running();
  const dropIn = '/etc/containers/systemd/psi.container.d/older.conf';
  await host.write(dropIn, '[Container]\nEnvironment=PSI_UNITS=0\n');
  await host.ok('systemctl daemon-reload && systemctl restart psi.service');
  const { stdout } = await psi('status');
  const [, render = '', restart = ''] =
    /the units of this host are older than the image.*\n\s+run `([^`]*)`, then `([^`]*)`/.exec(stdout) ?? [];
  assert.ok(render !== '' && restart !== '', stdout);
  await host.ok(`rm ${dropIn}`);
  // Both as they stand there.
  await host.ok(render);
  await host.ok(restart);
  assert.doesNotMatch((await psi('status')).stdout, /problem/);
});

test('three failed starts leave their reason beside the socket, and a good one takes it away', options, async () => {
  const { host } = stage;
  await running();
  const dropIn = '/etc/containers/systemd/psi.container.d/broken.conf';
  await host.write(dropIn, '[Container]\nVolume=/nowhere/at/all:/x\n[Service]\nRestartSec=100ms\n');
  await host.ok('systemctl daemon-reload');
  await host.run('systemctl restart psi.service');
  assert.ok(await comesTo('test -e /run/psi/start-failed'), 'nothing says so');
  const [reason, command, ...rest] = (await host.read('/run/psi/start-failed')).split('\n');
  assert.match(reason ?? '', /^psi\.service failed to start \d+ times in a row \(exit-code 125\)$/);
  assert.deepEqual([command, ...rest], ['journalctl -u psi.service', '']);
  assert.equal((await host.ok('stat -c %a /run/psi/start-failed')).trim(), '644');
  await host.ok(`rm ${dropIn} && systemctl daemon-reload && systemctl restart psi.service`);
  assert.equal((await host.ok('ls /run/psi')).trim(), 'psi.sock\nstarts');
});
