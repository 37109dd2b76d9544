// A setup of many secrets that is ended in its middle, by whatever way it was called on a booted host: nothing goes on in the container, and the
// next setup does not wait. `podman exec` hands no signal on, only a key of a terminal arrives; the host's command hands on all that can be.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { psiHostSupport, sleeper, startPsiHost, type PsiHost } from './psi-host.ts';
import { steps } from '../hosts/steps.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

/** Each interrupted run makes some of them, the last one the rest. */
const COUNT = 1_000;
const SOME = 25;
const KEYS = Array.from({ length: COUNT }, (_, index) => `K${String(index)}`);

type Way = {
  readonly name: string;
  /** Before the words of the command. */
  readonly argv: string;
  readonly terminal: boolean;
  /** Signals that reach the command in the container: somebody is left to be told. */
  readonly passed: readonly string[];
  /** What `pgrep -f` finds of the process that stands for the command on the host. */
  readonly process: string;
};

const WAYS: readonly Way[] = [
  ...['podman exec', 'podman exec -i'].map((name) => ({
    ...{ name, argv: `${name} psi psi`, terminal: false, passed: [] },
    process: `^${name} psi psi setup`,
  })),
  {
    ...{ name: 'podman exec -it', argv: 'podman exec -it psi psi', terminal: true, passed: ['^C'] },
    process: '^podman exec -it psi psi setup',
  },
  ...[false, true].map((terminal) => ({
    ...{ name: `psi${terminal ? ' on a terminal' : ''}`, argv: '/usr/local/bin/psi', terminal },
    passed: ['^C', 'INT', 'TERM'],
    process: '^/bin/sh /usr/local/bin/psi setup',
  })),
];

const STATUS: Readonly<Record<string, string>> = { '^C': '130', INT: '130', TERM: '143' };

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost({
    folders: { '/myapp': Object.fromEntries(KEYS.map((key) => [key, 'value'])) },
    workloads: { myapp: { secrets: [{ project: 'main', path: '/myapp' }] } },
    quadlets: { 'myapp.container': sleeper() },
    prepare: (host) =>
      host.write('/etc/containers/systemd/psi.container.d/retry.conf', '[Container]\nEnvironment=PSI_SETUP_RETRY=1h\n'),
  });
  // As at a boot where nothing is registered: it is waited for, so it is not left to run beside.
  await stage.host.run('systemctl stop psi-infisical-setup.service');
});
after(async () => {
  if (support.ok) await stage.stop();
});

/** How many of its secrets Podman has. */
const MADE = "podman secret ls --format '{{.Name}}' | grep -c ^myapp--";

type Ended = { readonly status: string; readonly said: string; readonly secondsToEnd: number };

/** `^C` is typed on the terminal; anything else is sent to the process on the host. */
async function interrupted(way: Way, signal: string): Promise<Ended> {
  const { host } = stage;
  const words = `${way.argv} setup`;
  const start = way.terminal ? `script -qec '${words}' /dev/null` : `env --default-signal=INT ${words}`;
  const end = signal === '^C' ? "printf '\\003' >&9" : `kill -${signal} $(pgrep -f '${way.process}')`;
  const script = [
    'rm -f /tmp/keys; mkfifo /tmp/keys; exec 9<>/tmp/keys',
    `before=$(${MADE}); ${start} <&9 >/tmp/said 2>&1 & caller=$!`,
    `before=$(${MADE}); for i in $(seq 300); do [ $(${MADE}) -lt $((before + ${String(SOME)})) ] || break; sleep 0.2; done`,
    `began=$(date +%s%N); ${end}; wait $caller; echo $?`,
    // Until it makes nothing any more.
    `n=-1; for i in $(seq 100); do m=$(${MADE}); [ $m != $n ] || break; n=$m; sleep 1; done`,
    'echo $(( ($(date +%s%N) - began) / 1000000000 ))',
  ].join('\n');
  const { stdout, stderr } = await host.run(['bash', '-c', script]);
  const [status = '', seconds = ''] = stdout.trim().split('\n');
  return { status, secondsToEnd: Number(seconds), said: (await host.ok('cat /tmp/said')) + stderr };
}

const made = async (): Promise<number> => Number((await stage.host.run(MADE)).stdout);
const endsInJournal = async (): Promise<number> =>
  (await stage.host.journal('psi.service'))
    .split('\n')
    .filter((line) => line.includes('setup was ended: the command went')).length;

test('a setup that is ended in the middle leaves nothing behind', options, async (t) => {
  const cases: Record<string, () => Promise<void>> = {};
  for (const way of WAYS) {
    for (const signal of [way.terminal ? '^C' : 'INT', 'TERM', 'KILL']) {
      cases[`${way.name}: ${signal}`] = async () => {
        const [had, ends] = [await made(), await endsInJournal()];
        const { status, said, secondsToEnd } = await interrupted(way, signal);
        const has = await made();
        assert.doesNotMatch(said, /another setup is running/);
        // Two looks a second apart are part of it.
        assert.ok(secondsToEnd <= 10, `${String(secondsToEnd)} s, ${String(has - had)} made: ${said}`);
        assert.ok(has >= had + SOME && has < COUNT, `${String(had)}, ${String(has)}: ${said}`);
        if (way.passed.includes(signal)) {
          assert.match(said, /not done: myapp: \d+ of \d+ changes/);
          assert.equal(status, STATUS[signal]);
        } else assert.equal(await endsInJournal(), ends + 1, said);
      };
    }
  }
  await steps(t, {
    ...cases,
    'the next setup does the rest, and does not wait': async () => {
      const setup = await stage.psi('setup');
      assert.equal(setup.code, 0, setup.stderr);
      assert.doesNotMatch(setup.stderr, /another setup is running/);
      assert.equal(await made(), COUNT);
    },
    'at the next boot the setup unit ends at once': async () => {
      const began = performance.now();
      await stage.host.ok('systemctl restart psi-infisical-setup.service');
      assert.ok(performance.now() - began < 20_000);
      assert.match(await stage.host.ok('systemctl show -p ExecMainStatus psi-infisical-setup.service'), /=0$/m);
    },
  });
});
