// Many secrets on a booted host with the Podman that PSI's users have: `psi setup` of 1,000 that are new, beside the same calls to Podman made by
// the least that can make them; and a start with 250 of them, which a drop-in maps, beside one whose driver command does the least it can do: what
// that takes is Podman's share, which starts a shell for each.
import { readFile } from 'node:fs/promises';
import type { Support } from '../hosts/sandbox.ts';
import { psiHostSupport, sleeper, startPsiHost, type PsiHost } from '../host/psi-host.ts';
import { median, ms, type Figure, type Stage } from './measurement.ts';
import { buildTrivialPair } from './trivial-pair.ts';
import { spentMs } from '../hosts/process-cost.ts';

const WORKLOADS = 15;
const KEYS = 50;
/** One workload that has as many as five others. */
const BIG = 250;
const TOTAL = WORKLOADS * KEYS + BIG;
const ROUNDS = 5;

const keysOf = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `KEY_${String(index)}`);
const valuesOf = (count: number): Readonly<Record<string, string>> =>
  Object.fromEntries(keysOf(count).map((key) => [key, `value of ${key}`]));

const NAMES = ['big', ...Array.from({ length: WORKLOADS }, (_, index) => `w${String(index)}`)];

export function scaleSupport(): Promise<Support> {
  return psiHostSupport();
}

export async function measureScale(stage: Stage): Promise<readonly Figure[]> {
  const folders = Object.fromEntries(NAMES.map((name) => [`/${name}`, valuesOf(name === 'big' ? BIG : KEYS)]));
  const mapped = (name: string): string =>
    sleeper(...keysOf(BIG).map((key) => `Secret=${name}--${key},type=env,target=${key}`));
  const psi = await startPsiHost({
    measured: true,
    folders,
    workloads: Object.fromEntries(NAMES.map((name) => [name, { secrets: [{ project: 'main', path: `/${name}` }] }])),
    quadlets: {
      'big.container': sleeper(),
      'file.container': mapped('file'),
      'least.container': mapped('least'),
      'none.container': sleeper(),
    },
  });
  stage.defer(() => psi.stop());
  const { host } = psi;
  await psi.setup('--workload', 'w0');
  const bare = await bareCreates(psi);
  await forget(psi);
  const whole = await onHost(psi, 'podman exec psi psi setup >/run/setup.log 2>&1');
  const processor = await processorMs(psi);
  await createOthers(stage, psi);
  await host.ok('systemctl daemon-reload');
  const starts = { none: [] as number[], file: [] as number[], least: [] as number[], big: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of ['none', 'file', 'least', 'big'] as const) {
      starts[name].push(await onHost(psi, `systemctl start ${name}.service`));
      await host.ok(`systemctl stop ${name}.service`);
    }
  }
  const version = (await host.ok(['podman', 'version', '--format', '{{.Client.Version}}'])).trim();
  const added = (name: keyof typeof starts): number => median(starts[name]) - median(starts.none);
  return [
    {
      id: 'setup-own-share',
      what: `psi setup of ${String(TOTAL)} new secrets in ${String(NAMES.length)} workloads (podman ${version}): share that is not Podman's`,
      value: Math.max(0, (1 - bare / whole) * 100),
      unit: '%',
      beside: `${seconds(whole)}; the same calls to Podman alone ${seconds(bare)}; processor time of PSI ${seconds(processor)}`,
    },
    {
      id: 'start-of-many',
      what: `start of a quadlet whose drop-in maps ${String(BIG)} secrets, time added to one without: beside the least driver command there is`,
      value: added('big') / added('least'),
      unit: 'x',
      beside: `${ms(added('big'))} beside ${ms(added('least'))}; Podman's file driver adds ${ms(added('file'))}, the start itself takes ${ms(median(starts.none))}`,
    },
  ];
}

const SOCKET = '/run/least.sock';

/** Of Podman's file driver, and of the least driver command with its server. */
async function createOthers(stage: Stage, { host }: PsiHost): Promise<void> {
  const { client, server } = await buildTrivialPair(await stage.folder());
  await host.write('/usr/local/bin/least-client', await readFile(client), 0o755);
  await host.write('/usr/local/bin/least-server', await readFile(server), 0o755);
  await host.ok(`systemd-run --quiet /usr/local/bin/least-server ${SOCKET} value`);
  const options = `lookup=/usr/local/bin/least-client ${SOCKET},store=cat >/dev/null,delete=true,list=true`;
  // PSI's driver is the host's default.
  for (const [name, driver] of [
    ['file', '--driver file'],
    ['least', `--driver shell --driver-opts '${options}'`],
  ] as const) {
    const create = `echo $key | podman secret create ${driver} ${name}--$key - >/dev/null || exit 1`;
    await host.ok(`for key in ${keysOf(BIG).join(' ')}; do ${create}; done`);
  }
}

const seconds = (value: number): string => `${(value / 1_000).toFixed(1)} s`;

/** Milliseconds by the clock of the host itself. */
async function onHost({ host }: PsiHost, command: string): Promise<number> {
  return Number((await host.ok(`a=$(date +%s%3N); ${command} || exit 1; b=$(date +%s%3N); echo $((b - a))`)).trim());
}

const CREATE = `
const { request } = require('node:http');
const { total, options } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const call = (method, path, body) => new Promise((done, failed) => {
  request({ socketPath: '/run/podman/podman.sock', method, path }, (response) => {
    let text = '';
    response.on('data', (chunk) => (text += chunk));
    response.on('end', () => (response.statusCode === 200 ? done(JSON.parse(text)) : failed(new Error(text))));
  }).on('error', failed).end(body);
});
void (async () => {
  const from = performance.now();
  for (let index = 0; index < total; index += 1) {
    const query = new URLSearchParams({ name: 'bare--' + index, driver: 'shell', driveropts: JSON.stringify(options) });
    const body = JSON.stringify({ provider: 'infisical', project: 'main', path: '/bare', key: 'KEY_' + index });
    await call('POST', '/v4.0.0/libpod/secrets/create?' + query, body);
  }
  console.log(performance.now() - from);
})();
`;

/** Milliseconds of as many creates as the setup makes, with its own driver commands, which PSI answers. */
async function bareCreates({ host }: PsiHost): Promise<number> {
  const [secret] = JSON.parse(await host.ok(['podman', 'secret', 'inspect', 'w0--KEY_0'])) as [Inspected];
  const input = JSON.stringify({ total: TOTAL, options: secret.Spec.Driver.Options });
  return Number(await host.ok([host.node, '-e', CREATE], { input }));
}

type Inspected = { readonly Spec: { readonly Driver: { readonly Options: Readonly<Record<string, string>> } } };

/** As before the first setup: removed one by one, 1,000 secrets take longer than all that is measured here. */
async function forget({ host }: PsiHost): Promise<void> {
  await host.ok('systemctl stop psi.service podman.service');
  await host.ok(
    'rm -rf /var/lib/containers/storage/secrets && find /var/lib/psi -maxdepth 1 -type f -name "????????*" -regex ".*/[0-9a-f]*" -delete',
  );
  await host.ok('systemctl start psi.service');
}

/** Of the service's own process, whose parent is the container's init, since its start. */
async function processorMs({ host }: PsiHost): Promise<number> {
  const pid = (await host.ok(['podman', 'inspect', '--format', '{{.State.Pid}}', 'psi'])).trim();
  const stat = await host.ok(`cat /proc/$(cut -d ' ' -f 1 /proc/${pid}/task/${pid}/children)/stat`);
  return spentMs(stat);
}
