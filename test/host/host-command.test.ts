// `psi` on the host: a command that runs in the container as if it ran on the host, says what to run when PSI is down, and takes PSI from a
// host whose image is gone. Where no such command is, the function of before stands in for it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { installCommand, installPsi, psiHostSupport, sleeper, startPsiHost, type PsiHost } from './psi-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const LOOK =
  'find /etc /run/psi /run/psi-credentials /run/.psi-uninstall /var/lib/psi /usr/local 2>/dev/null | sort; ' +
  'podman secret ls --format "{{.Name}}" | sort; systemctl list-units --all --plain --no-legend "psi*" | cut -d" " -f1';
const WITHOUT_IMAGE = 'sed -i "s/^additionalimagestores/#&/" /etc/containers/storage.conf';
const WITH_IMAGE = 'sed -i "s/^#additional/additional/" /etc/containers/storage.conf';

let stage: PsiHost;
let fresh = '';
let psi = 'psi';
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost({
    folders: { '/app': { A: 'value a', B: 'value b' } },
    workloads: { app: { secrets: [{ project: 'main', path: '/app' }] } },
    quadlets: { 'app.container': sleeper() },
    prepare: async (host) => {
      await host.ok('mkdir -p /etc/bash_completion.d; printf theirs | podman secret create --driver file theirs -');
      fresh = await host.ok(LOOK);
    },
  });
  if ((await stage.host.run('command -v psi')).code !== 0) psi = 'podman exec psi psi';
});
after(async () => {
  if (support.ok) await stage.stop();
});

/** On a terminal; `keys` are typed once psi runs in the container. Answers the exit status and all that the terminal showed. */
async function typed(line: string, keys = ''): Promise<{ readonly code: number; readonly text: string }> {
  const { host } = stage;
  const inside = ['-t', String(host.leader), '-m', '-u', '-i', '-n', '-p', '-C'];
  const args = [...inside, 'script', '-qefc', line, '/dev/null'];
  // Nothing else of this machine's: its TMPDIR need not be there on the host.
  const env = { PATH: process.env['PATH'], HOME: '/root', TERM: 'xterm' };
  const child = spawn('nsenter', args, { env, stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(child, 'close') as Promise<[number | null]>;
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  if (keys !== '') await host.until(RUNNING);
  child.stdin.write(keys);
  const [code] = await ended;
  return { code: code ?? -1, text };
}

/** Processes of `psi setup` in the container. */
const RUNNING = 'podman exec psi sh -c "cat /proc/[0-9]*/cmdline" | tr "\\0" " " | grep -c "main.cjs setup"';

/** The command has asked the service: what ends it before that is not told from a call that nobody waits for (`podman exec -d`). */
const ASKING = "grep -q ' 03 .*psi-control.sock' /proc/net/unix";

const hang = (outage: 'hang' | 'none') => stage.double('PATCH', '/knobs', { outage });

test('arguments, standard input, output and exit status are those of the command', options, async () => {
  const { host } = stage;
  assert.equal((await host.run(`${psi} setup --dry-run`)).code, 3);
  const usage = await host.run(`${psi} setup --workload "a  b" --nonsense`);
  assert.equal(usage.code, 64);
  assert.equal(usage.stdout, '');
  assert.match(usage.stderr, /^error: unknown option '--nonsense'$/m);
  const asked = await host.run(`${psi} setup --workload "a  'b" --dry-run`);
  assert.match(asked.stderr, /a {2}'b/);
  const input = 'C=ä €\nD=tab\tand \\ stay\n';
  const flags = '--reader podman --project main --path /app';
  const imported = await host.run(`${psi} infisical import env-file - ${flags}`, { input });
  assert.equal(imported.code, 0, imported.stderr);
  const env = await host.ok(`${psi} infisical env --project main --path /app --format json | cat`);
  assert.partialDeepStrictEqual(JSON.parse(env), { C: 'ä €', D: 'tab\tand \\ stay' });
  assert.equal((await host.run(`${psi} --version </dev/null | grep -q .`)).code, 0);
  assert.equal((await host.run(`${psi} --version <&-`)).code, 0);
});

test('on a terminal it has one, and Ctrl-C ends the command in the container', options, async () => {
  const { host } = stage;
  const shown = await typed(`${psi} setup`);
  assert.equal(shown.code, 0, shown.text);
  // Progress is shown on a terminal alone.
  assert.match(shown.text, /\[\d+ s\] app/);
  await hang('hang');
  try {
    for (const line of [`${psi} setup`, `sh -c '${psi} setup | cat'`]) {
      const ended = await typed(line, '\u0003');
      assert.notEqual(ended.code, 0, ended.text);
      await host.until(`! ${RUNNING}`, 15_000);
    }
  } finally {
    await hang('none');
  }
});

for (const signal of ['INT', 'TERM', 'HUP', 'KILL']) {
  test(`SIG${signal} to it ends the command in the container`, options, async () => {
    const { host } = stage;
    await hang('hang');
    try {
      // What a shell runs in the background ignores SIGINT; perl undoes that.
      const call = `perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' ${psi} setup >/dev/null 2>&1 & call=$!`;
      const done = await host.run(
        `${call}; until ${RUNNING} >/dev/null && ${ASKING}; do sleep 0.1; done; kill -${signal} $call; wait $call`,
      );
      assert.ok(done.code > 128, `${String(done.code)} ${done.stderr}`);
      await host.until(`! ${RUNNING}`, 15_000);
    } finally {
      await hang('none');
    }
  });
}

test('bash completes its words on the host', options, async () => {
  const line = '. /etc/bash_completion.d/psi; COMP_WORDS=(psi unin); COMP_CWORD=1; _psi; echo "${COMPREPLY[*]}"';
  assert.equal(await stage.host.ok(['bash', '-c', line]), 'uninstall\n');
});

test('while psi is down it says in which state its unit is, why, and what to run', options, async () => {
  const { host } = stage;
  await host.ok('systemctl stop psi.socket psi.service');
  const stopped = await host.run(`${psi} status`);
  assert.equal(stopped.code, 69, stopped.stderr);
  assert.match(stopped.stderr, /^error: psi does not run: psi\.service is inactive$/m);
  const hint = /^hint: (.*)$/m.exec(stopped.stderr)?.[1] ?? '';
  await host.ok(hint);
  assert.equal((await host.run(`${psi} health`)).code, 0);
  await host.ok('systemctl mask --runtime psi.service; systemctl stop psi.socket psi.service');
  assert.match((await host.run(`${psi} status`)).stderr, /is masked\nhint: systemctl unmask psi\.service/);
  await host.ok('systemctl unmask --runtime psi.service; systemctl daemon-reload');
  await host.ok(WITHOUT_IMAGE);
  await host.run('systemctl start psi.socket psi.service');
  await host.until('test -f /run/psi/start-failed');
  const failed = await host.run(`${psi} status`);
  assert.equal(failed.code, 69);
  assert.match(failed.stderr, /^psi\.service failed to start 3 times in a row/m);
  assert.match(failed.stderr, /^hint: the image is not here: podman pull localhost\/psi:test /m);
  await host.ok(`${WITH_IMAGE}; systemctl restart psi.socket psi.service`);
});

test(
  'install without the mount fails by name, and where nothing can be written it gives a function',
  options,
  async () => {
    const { host } = stage;
    const command = await installCommand();
    const blind = await host.run(`${command.replace(/ -v \/usr\/local:\S+/, '')} install`);
    assert.equal(blind.code, 64, blind.stderr);
    assert.match(blind.stderr, /^hint: .*`-v \/usr\/local:\/host\/usr\/local`/m);
    const closed = await host.run(`${command.replace(/(-v \/usr\/local:\S+)/, '$1:ro')} install`);
    assert.equal(closed.code, 0, 'what is there already need not be written');
    await host.ok('mv /usr/local/bin/psi /root/psi.old');
    const readOnly = await host.run(`${command.replace(/(-v \/usr\/local:\S+)/, '$1:ro')} install`);
    assert.equal(readOnly.code, 4, readOnly.stderr);
    const text = /does without a file: (.*)$/m.exec(readOnly.stderr)?.[1] ?? '';
    assert.match(await host.ok(['bash', '-c', `${text}; psi --version`]), /^\d/);
    await host.write('/usr/local/bin/psi', '#!/bin/sh\necho mine\n', 0o755);
    const foreign = await host.run(`${command} install`);
    assert.equal(foreign.code, 4, foreign.stderr);
    assert.match(foreign.stderr, /^left: \/usr\/local\/bin\/psi: .*not written by psi$/m);
    assert.equal(await host.ok('psi'), 'mine\n');
    await host.ok('mv /root/psi.old /usr/local/bin/psi');
  },
);

/** PSI with an image of its own, which can be removed. */
async function ownImage(): Promise<void> {
  const { host } = stage;
  const build = 'podman build --quiet --isolation=chroot --network=host -t localhost/psi:own -f - /var/empty';
  await host.ok(`mkdir -p /var/empty && ${build}`, { input: 'FROM localhost/psi:test\nLABEL build=own\n' });
  const command = (await installCommand()).replace('localhost/psi:test', 'localhost/psi:own');
  await host.ok(`${command} install`);
  await host.ok(`${command} systemd install --image localhost/psi:own --enable`);
  await host.ok('systemctl restart podman.socket psi.socket psi.service');
}

for (const state of ['psi runs', 'psi was killed']) {
  test(
    `uninstalled by the host's command with the image removed while ${state}, the host is as it was before`,
    options,
    async () => {
      const { host } = stage;
      await ownImage();
      await stage.setup();
      await host.ok('systemctl start app.service');
      if (state !== 'psi runs')
        await host.ok('systemctl mask --runtime psi.service; systemctl kill -s KILL psi.service');
      await host.until('podman rmi --force localhost/psi:own');
      const blocked = await host.run(`${psi} uninstall --apply`);
      assert.equal(blocked.code, 4, blocked.stdout + blocked.stderr);
      assert.match(blocked.stderr, /^left: systemd-app: this container names secrets of psi/m);
      await host.ok('systemctl stop app.service');
      const planned = await host.run(`${psi} uninstall`);
      assert.equal(planned.code, 3, planned.stdout + planned.stderr);
      assert.match(planned.stdout, /^would remove secret app--A$/m);
      const done = await host.run(`${psi} uninstall --apply`);
      assert.equal(done.code, 0, done.stdout + done.stderr);
      if (state !== 'psi runs') await host.ok('systemctl unmask --runtime psi.service');
      assert.deepEqual((await host.ok(LOOK)).split('\n'), fresh.split('\n'));
    },
  );
}

test('with the image there it is the uninstall of the image, and takes itself away', options, async () => {
  const { host } = stage;
  await installPsi(host);
  await stage.setup();
  const done = await host.run(`${psi} uninstall --apply`);
  assert.equal(done.code, 0, done.stdout + done.stderr);
  assert.doesNotMatch(done.stderr, /the image of psi is not here/);
  assert.deepEqual((await host.ok(LOOK)).split('\n'), fresh.split('\n'));
});
