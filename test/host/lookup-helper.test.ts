// The lookup helper on a booted host, put there by `psi install`: all that a start needs comes by it, and by curl as soon as something is wrong
// with it. The host's curl counts its calls.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answerOf } from '../hosts/answer.ts';
import { builtHelper } from '../hosts/lookup-helper.ts';
import { psiHostSupport, sleeper, startPsiHost, type PsiHost } from './psi-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const HELPER = '/usr/local/libexec/psi/psi-lookup';
const CALLS = '/run/curl-calls';
const MANY = Object.fromEntries(
  Array.from({ length: 50 }, (_, index) => [`K${String(index)}`, `value ${String(index)} \\n "$HOME"\n`]),
);
const ENV = { ...MANY, BIG: 'b'.repeat(60_000), EMPTY: '' };
const BYTES = '\u0001\u007f\u0080ÿ\r\n\t\u001b[0m\n\n';

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost({
    folders: { '/env': ENV, '/files': { BYTES } },
    workloads: {
      app: {
        secrets: [
          { project: 'main', path: '/env' },
          { project: 'main', path: '/files', as: 'mount' },
        ],
      },
      few: { secrets: [{ project: 'main', path: '/env', keys: { K0: 'A' } }] },
    },
    quadlets: { 'app.container': sleeper(), 'few.container': sleeper() },
  });
  await stage.setup();
  const counting = `#!/bin/sh\necho "$*" >>${CALLS}\nexec /usr/bin/curl.real "$@"\n`;
  await stage.host.ok('mv /usr/bin/curl /usr/bin/curl.real');
  await stage.host.write('/usr/bin/curl', counting, 0o755);
});
after(async () => {
  if (support.ok) await stage.stop();
});

/** Lookups that came by curl since the last call of this. */
async function byCurl(): Promise<number> {
  const { host } = stage;
  return Number(await host.ok(`touch ${CALLS}; grep -c lookup ${CALLS} || true; rm ${CALLS}`));
}

test('the units make health checks with the helper of the image', options, async () => {
  const shown = await stage.host.ok(`podman inspect psi --format '{{json .Config.Healthcheck}}'`);
  assert.match(shown, /psi-lookup health --socket \/run\/psi\/psi\.sock/);
  await stage.host.ok('podman healthcheck run psi');
});

test('52 variables, one of 60 KB, one that is empty, and the bytes of a file come by it', options, async () => {
  await byCurl();
  await stage.host.ok('systemctl restart app.service');
  const environ = await stage.environ('systemd-app');
  for (const [key, value] of Object.entries(ENV)) assert.equal(environ.get(key), value, key);
  const { bytes } = await stage.host.run('podman exec systemd-app cat /run/secrets/BYTES');
  assert.deepEqual(bytes, Buffer.from(BYTES));
  assert.equal(await byCurl(), 0);
  assert.match((await stage.psi('status')).stdout, new RegExp(`^lookup helper: \\d+\\.\\d+\\.\\d+ at ${HELPER}$`, 'm'));
});

// The very command that Podman froze, run as Podman runs it: `sh -c` with SECRET_ID.
const LOOKUPS = `
lookup=$(podman secret inspect app--K1 --format '{{index .Spec.Driver.Options "lookup"}}')
SECRET_ID=$(podman secret inspect app--K1 --format '{{.ID}}'); export SECRET_ID
want=$(sh -c "$lookup"); [ -n "$want" ] || echo empty
one() { [ "$(sh -c "$lookup")" = "$want" ] || echo failed; }
`;

test('500 lookups at once, and ten restarts of psi.service under a loop of starts: none fails', options, async () => {
  const { host } = stage;
  await byCurl();
  assert.equal(await host.ok(`${LOOKUPS} for i in $(seq 500); do one & done; wait`), '');
  const loop = `
touch /run/restarting
(for i in 1 2 3 4 5 6 7 8 9 10; do systemctl restart psi.service || echo restart failed; done; rm /run/restarting) &
starts=0
while [ -e /run/restarting ]; do
  podman run --rm --network=none --secret app--K1,type=env,target=A --secret app--K2,type=env,target=B localhost/psi-busybox:test \\
    sh -c 'case $A/$B in "value 1 "*/"value 2 "*) ;; *) exit 1 ;; esac' || echo a start failed
  starts=$((starts + 1))
done
wait; echo "$starts"`;
  const said = (await host.ok(loop)).trim();
  assert.match(said, /^\d+$/);
  assert.ok(Number(said) > 3, `only ${said} starts happened meanwhile`);
  assert.equal(await byCurl(), 0);
});

/** What the command says in the journal of a unit since it was started anew. */
async function restarted(unit: string): Promise<{ readonly code: number | null; readonly lines: readonly string[] }> {
  const { host } = stage;
  await host.run(`systemctl stop ${unit}; journalctl --sync`);
  const cursor = /-- cursor: (\S+)/.exec(await host.ok('journalctl -n 1 --show-cursor'))?.[1] ?? '';
  const { code } = await host.run(`systemctl start ${unit}`);
  await host.ok('journalctl --sync');
  const journal = await host.ok(['journalctl', '-o', 'cat', '-u', unit, `--after-cursor=${cursor}`]);
  return { code, lines: journal.split('\n').filter((line) => /psi: |curl|sh: |\/bin\/sh|exec/i.test(line)) };
}

const FAULTS: readonly {
  readonly what: string;
  readonly make: string;
  readonly said: RegExp;
  readonly mend: string;
}[] = [
  { what: 'removed by hand', make: `rm ${HELPER}`, said: /is gone/, mend: 'psi install' },
  { what: 'empty', make: `: >${HELPER}`, said: /is empty/, mend: 'systemctl restart psi.service' },
  { what: 'cut', make: `truncate -s 20000 ${HELPER}`, said: /is cut: 20000 of/, mend: 'systemctl restart psi.service' },
  {
    what: 'of another architecture',
    make: `cp /mnt/psi/dist/helper/arm64/psi-lookup ${HELPER}`,
    said: /is for another architecture: arm64/,
    mend: 'systemctl restart psi.service',
  },
  {
    what: 'not executable',
    make: `chmod 644 ${HELPER}`,
    said: /is not executable \(mode 0644\)/,
    mend: 'systemctl restart psi.service',
  },
  {
    what: 'where nothing may be executed',
    make: `mount -t tmpfs -o noexec none /usr/local/libexec/psi && podman cp psi:/usr/local/bin/psi-lookup ${HELPER} && systemctl restart psi.service`,
    said: /the last lookup did not come by it|is where nothing may be executed/,
    mend: 'umount /usr/local/libexec/psi && systemctl restart psi.service',
  },
];

for (const { what, make, said, mend } of FAULTS) {
  test(`a helper that is ${what}: the next start goes by curl, status says so, and it is mended`, options, async () => {
    const { host, psi } = stage;
    if (make.includes('arm64')) assert.ok((await builtHelper('arm64')).ok);
    await host.ok(make);
    await byCurl();
    assert.deepEqual(await restarted('few.service'), { code: 0, lines: [] });
    assert.equal((await stage.environ('systemd-few')).get('A'), MANY['K0']);
    assert.equal(await byCurl(), 1);
    const status = await psi('status');
    assert.equal(status.code, 4, status.stdout);
    assert.match(status.stdout, said);
    await host.ok(mend);
    assert.deepEqual(await restarted('few.service'), { code: 0, lines: [] });
    assert.equal(await byCurl(), 0);
    const after = await psi('status', '--json');
    assert.deepEqual((answerOf(after.stdout) as { problems: unknown }).problems, []);
  });
}

test('with PSI stopped the journal shows cause and command, the same as by curl alone', options, async () => {
  const { host, psi } = stage;
  const stopped = async (): Promise<readonly string[]> => {
    // A start wants the setup of psi, and that psi itself.
    await host.ok('systemctl mask --runtime --now psi.socket psi.service');
    const { code, lines } = await restarted('few.service');
    await host.ok('systemctl unmask --runtime psi.socket psi.service && systemctl start psi.socket psi.service');
    assert.notEqual(code, 0);
    return lines.filter((line) => line.startsWith('psi: '));
  };
  await byCurl();
  const own = await stopped();
  assert.equal(await byCurl(), 0);
  assert.match(own[0] ?? '', /^psi: there is no socket at \/run\/psi\/psi\.sock: run systemctl restart psi\.socket \(/);
  await host.ok('psi install --no-helper && [ ! -e /usr/local/libexec/psi ]');
  // Before its next start the service has the folder that is gone.
  const status = await psi('status');
  assert.deepEqual([status.code, /^lookup helper: none at/m.test(status.stdout)], [0, true], status.stdout);
  assert.deepEqual(await stopped(), own);
  assert.equal((await psi('setup', '--dry-run')).code, 0);
});
