// Many secrets on a booted host with the Podman that PSI's users have: `psi setup` of 1,000 that are new, beside the same calls to Podman made by
// the least that can make them; and a start with 250 of them, which a drop-in maps, beside one with Podman's file driver.
import type { Support } from '../hosts/sandbox.ts';
import { psiHostSupport, sleeper, startPsiHost, type PsiHost } from '../host/psi-host.ts';
import { median, ms, type Figure, type Stage } from './measurement.ts';
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
  const plain = keysOf(BIG).map((key) => `Secret=plain--${key},type=env,target=${key}`);
  const psi = await startPsiHost({
    measured: true,
    folders,
    workloads: Object.fromEntries(NAMES.map((name) => [name, { secrets: [{ project: 'main', path: `/${name}` }] }])),
    quadlets: { 'big.container': sleeper(), 'file.container': sleeper(...plain), 'none.container': sleeper() },
  });
  stage.defer(() => psi.stop());
  const { host } = psi;
  await psi.setup('--workload', 'w0');
  const bare = await bareCreates(psi);
  await forget(psi);
  const whole = await onHost(psi, 'podman exec psi psi setup >/run/setup.log 2>&1');
  const processor = await processorMs(psi);
  // PSI's driver is the host's default.
  const create = 'podman secret create --driver file';
  await host.ok(
    `for key in ${keysOf(BIG).join(' ')}; do echo $key | ${create} plain--$key - >/dev/null || exit 1; done`,
  );
  await host.ok('systemctl daemon-reload');
  const starts = { none: [] as number[], file: [] as number[], big: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of ['none', 'file', 'big'] as const) {
      starts[name].push(await onHost(psi, `systemctl start ${name}.service`));
      await host.ok(`systemctl stop ${name}.service`);
    }
  }
  const version = (await host.ok(['podman', 'version', '--format', '{{.Client.Version}}'])).trim();
  const [none, file, big] = [median(starts.none), median(starts.file), median(starts.big)];
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
      what: `start of a quadlet whose drop-in maps ${String(BIG)} secrets: beside one with the file driver`,
      value: big / file,
      unit: 'x',
      beside: `${ms(big)} beside ${ms(file)}; without secrets ${ms(none)}`,
    },
  ];
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
