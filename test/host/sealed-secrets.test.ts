// Values that nothing but this host has, on a booted one: Podman is killed in the middle of its replaces, psi.service beneath it, the host boots
// again, and an uninstall waits until each of them was taken elsewhere.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { SealedList, SealedStatus } from '../../src/sealed/reports.ts';
import { answerOf } from '../hosts/answer.ts';
import { steps } from '../hosts/steps.ts';
import { installCommand, psiHostSupport, sleeper, type PsiHost } from './psi-host.ts';
import { startSealedHost } from './sealed-host.ts';

// Where there is the newer Podman, on that: the older one has its turn in sealed-driver.test.ts.
const newer = await psiHostSupport('forky');
const support = newer.ok ? newer : await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startSealedHost({}, newer.ok ? 'forky' : 'trixie');
  await stage.host.write('/usr/local/sbin/curl', HELD_CURL, 0o755);
});
after(async () => {
  if (support.ok) await stage.stop();
});

/** The driver's commands ask by it. A call stops where /run/hold says, `before` or `after` it, until that file is gone. */
const HELD_CURL = `#!/bin/sh
when= what=/
[ ! -e /run/hold ] || read -r when what </run/hold
case "$*" in *"/$what/"*) ;; *) exec /usr/bin/curl "$@" ;; esac
[ "$when" = before ] || /usr/bin/curl "$@" || exit
echo $$ >/run/held.new && mv /run/held.new /run/held
while [ -e /run/hold ]; do sleep 0.05; done
[ "$when" = after ] || exec /usr/bin/curl "$@"
`;

const list = async (): Promise<SealedList> =>
  answerOf((await stage.psi('sealed', 'list', '--json')).stdout) as SealedList;

const create = (name: string, value: string, ...flags: readonly string[]): Promise<string> =>
  stage.host.ok(['podman', 'secret', 'create', ...flags, name, '-'], { input: value });

/** What a container gets, and what is shown; undefined: Podman has no such secret, or nobody answers for it. */
async function valueOf(name: string): Promise<string | undefined> {
  const shown = await stage.host.run([
    'podman',
    'secret',
    'inspect',
    '--showsecret',
    '--format',
    '{{.SecretData}}',
    name,
  ]);
  const run = `podman run --rm --network=none --secret ${name},type=env,target=V localhost/psi-busybox:test sh -c 'echo "$V"'`;
  const got = await stage.host.run(run);
  assert.deepEqual([got.code === 0, got.stdout], [shown.code === 0, shown.stdout], name);
  return shown.code === 0 ? shown.stdout.trimEnd() : undefined;
}

/** Starts a command of Podman's that stops there, and goes on with `then`; $podman is its process. */
const heldAt = (point: string, command: string, then: string): string => `
rm -f /run/held; echo ${point} >/run/hold
printf two | ${command} >/run/out 2>&1 & podman=$!
until [ -e /run/held ]; do sleep 0.05; done
${then}
`;

const KILL_PODMAN = 'kill -9 "$podman" "$(cat /run/held)"; rm /run/hold; wait "$podman"; true';

/** What becomes of `podman secret create --replace` that is killed there, and what brings the value back. */
const KILLED = {
  'before delete': 'is there as it was',
  'after delete': 'comes back under the id that Podman still has',
  'before store': 'comes back under its name',
  'after store': 'comes back under its name',
} as const;

for (const [point, outcome] of Object.entries(KILLED)) {
  test(`podman is killed ${point} of a replace: the value ${outcome}`, options, async () => {
    const { host, psi } = stage;
    const name = `killed-${point.replace(' ', '-')}`;
    const id = (await create(name, 'one')).trim();
    await host.ok(heldAt(point, `podman secret create --replace ${name} -`, KILL_PODMAN));
    const there = outcome === 'is there as it was';
    assert.equal(await valueOf(name), there ? 'one' : undefined);
    if (there) return;
    assert.ok((await list()).aside.some((one) => one.name === `podman.${id}`));
    const still = (await host.run(['podman', 'secret', 'exists', name])).code === 0;
    assert.equal(still, outcome !== 'comes back under its name');
    const restored = await psi('sealed', 'restore', `podman.${id}`, ...(still ? [] : ['--as', name]));
    assert.equal(restored.code, 0, restored.stdout + restored.stderr);
    assert.equal(await valueOf(name), 'one');
  });
}

test(
  'podman is killed after psi has deleted what it removes: it comes back, or is removed by the same again',
  options,
  async () => {
    const { host, psi } = stage;
    for (const name of ['back', 'removed']) {
      const id = (await create(name, name)).trim();
      await host.ok(heldAt('after delete', `podman secret rm ${name}`, KILL_PODMAN));
      assert.equal(await valueOf(name), undefined);
      if (name === 'removed') await host.ok(['podman', 'secret', 'rm', name]);
      else await host.ok(['podman', 'exec', 'psi', 'psi', 'sealed', 'restore', `podman.${id}`]);
    }
    assert.equal(await valueOf('back'), 'back');
    assert.equal((await host.run('podman secret exists removed')).code, 1);
    assert.equal((await psi('sealed', 'status', '--verify')).code, 0);
  },
);

for (const point of ['before delete', 'after delete', 'before store', 'after store']) {
  test(`psi is killed ${point} of a replace: the new value is there`, options, async () => {
    const name = `beneath-${point.replace(' ', '-')}`;
    await create(name, 'one');
    // Where psi does not run Podman says 0, which to kill is the group that the tests run in.
    const running = `pid=$(podman inspect --format '{{.State.Pid}}' psi); [ "$pid" != 0 ] || exit 1`;
    const kill = `${running}; kill -9 $pid; rm /run/hold; wait "$podman" || { cat /run/out; exit 1; }`;
    await stage.host.ok(heldAt(point, `podman secret create --replace ${name} -`, kill));
    assert.equal(await valueOf(name), 'two');
  });
}

const FILES = 'find /var/lib/psi /etc/containers /etc/systemd/system -type f | sort; podman secret ls --quiet | sort';

test(
  'what was stored is there through a boot, without a provider, and an uninstall waits for each of them',
  options,
  async (t) => {
    const { host, psi } = stage;
    const unit = sleeper(
      'Secret=db-password,type=env,target=DB_PASSWORD',
      'Secret=given,target=/srv/given',
      '[Install]',
      'WantedBy=multi-user.target',
    );
    await steps(t, {
      'stored by psi and given to podman, both are in a container': async () => {
        await host.ok('podman exec -i psi psi sealed store db-password', { input: 'hunter2 "\n$x' });
        await create('given', 'by podman\n');
        await host.write('/etc/containers/systemd/app.container', unit);
        await host.ok('systemctl daemon-reload && systemctl start app.service');
        await assertAppHasBoth();
      },
      'booted again the workload starts by itself, and has them': async () => {
        await host.reboot();
        await host.until('systemctl is-active app.service');
        await assertAppHasBoth();
        const status = answerOf((await psi('sealed', 'status', '--verify', '--json')).stdout) as SealedStatus;
        assert.deepEqual([status.failures, status.unsealed, status.verified, status.exit], [[], [], true, 0]);
        await host.ok('systemctl stop app.service');
      },
      'by the image and by the host alone, an uninstall refuses, and says what keeps each of them': async () => {
        await host.ok("podman secret rm $(podman secret ls --format '{{.Name}}' | grep -v -x -e given -e db-password)");
        const expected = (await list()).secrets.map(({ name }) => name);
        assert.ok(expected.includes('db-password') && expected.length > 1);
        const before = await host.ok(FILES);
        const byImage = `${await installCommand()} uninstall --apply --force`;
        await refused(byImage, expected);
        await host.ok('systemctl stop psi.socket psi.service');
        await refused('psi uninstall --apply --force', expected);
        await refused(byImage, expected);
        await host.ok('systemctl start psi.socket psi.service');
        assert.equal(await host.ok(FILES), before);
      },
      'what it says, done: each value is in a file, and psi goes': async () => {
        const said = await host.run('psi uninstall --apply');
        const commands = [...said.stderr.matchAll(/`(podman exec psi psi sealed (?:export|remove) ([^\s`]+)[^`]*)`/g)];
        assert.ok(commands.length > 3);
        for (const [, command = '', name = ''] of commands)
          await host.ok(command.replace('FILE', `/root/kept.${name}`));
        assert.equal(await host.read('/root/kept.db-password'), 'hunter2 "\n$x');
        assert.match(await host.ok('cat /root/kept.podman.*'), /by podman\n/);
        assert.equal(await host.ok('podman secret ls --quiet'), '');
        const done = await host.run('psi uninstall --apply');
        assert.equal(done.code, 0, done.stdout + done.stderr);
        assert.equal((await host.run('ls -A /var/lib/psi')).stdout, '');
      },
    });

    async function assertAppHasBoth(): Promise<void> {
      assert.equal((await stage.environ('systemd-app')).get('DB_PASSWORD'), 'hunter2 "\n$x');
      assert.equal(await host.ok('podman exec systemd-app cat /srv/given'), 'by podman\n');
    }

    async function refused(command: string, names: readonly string[]): Promise<void> {
      const { code, stdout, stderr } = await host.run(command);
      assert.equal(code, 4, command + stdout + stderr);
      assert.ok(stderr.includes('; podman knows it as "given"'), stderr);
      for (const name of names) {
        assert.ok(stderr.includes(`left: ${name}: this sealed secret is nowhere but on this host`), stderr);
        assert.ok(stderr.includes(`\`podman exec psi psi sealed export ${name} > FILE\``), stderr);
      }
    }
  },
);
