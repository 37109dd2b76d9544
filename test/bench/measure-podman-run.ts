// What 50 environment secrets add to `podman run` on real Podman: with PSI by the lookup helper and by curl, with Podman's own file driver, with
// a trivial client; and how much of it is spent inside PSI by its audit log. The double has no latency: a provider's distance is no property of PSI.
// A start asks the provider once for its folder, whoever asks PSI, and finds the values at hand for two seconds. So what the helper and curl add is
// compared where they are at hand for both; the first start is a row of its own.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PsiProcess } from '../hosts/psi-process.ts';
import { startSandbox, type Sandbox } from '../hosts/sandbox.ts';
import { startBare } from './child.ts';
import { placeHelper } from './helper.ts';
import { load } from './load.ts';
import { median, ms, timed, type Figure, type Stage } from './measurement.ts';
import { startTrivialPair } from './trivial-pair.ts';
import { folder, startDouble, startPsiFor } from './world.ts';

const KEYS = 50;
const ROUNDS = 7;
const LOGGED_ROUNDS = 3;
/** Lookups before those that count, as of a service that is up for some days: it compiles its hot code first. */
const WARM_UP = 5_000;
/** More than values are at hand after a listing. */
const FORGOTTEN_MS = 2_100;

/** Where the values come from, and what that is called in the table. */
const ROWS = {
  none: 'none',
  file: "Podman's file driver",
  trivial: 'a trivial static client and server',
  bare: 'a trivial static client, a bare node:http server',
  helper: 'PSI, the lookup helper',
  first: 'PSI, the lookup helper, the listing of the folder included',
  curl: 'PSI, curl',
} as const;
type Kind = keyof typeof ROWS;

export async function measurePodmanRun(stage: Stage, command: readonly string[]): Promise<readonly Figure[]> {
  const sandbox = await startSandbox();
  stage.defer(() => sandbox.stop());
  const helperDir = join(sandbox.dir, 'helper');
  const values = folder(KEYS, (index) => `value ${String(index)}`);
  const double = await startDouble(stage, { '/app': values });
  const serve = (logged: boolean): Promise<PsiProcess> =>
    startPsiFor(stage, {
      double,
      command,
      dir: join(sandbox.dir, 'psi'),
      podmanSocket: sandbox.socket,
      logged,
      config: { lookup: { helper_dir: helperDir } },
      workloads: { app: { provider: 'infisical', secrets: [{ project: 'main', path: '/app' }] } },
    });
  const psi = await serve(false);
  const setup = await psi.cli('setup');
  if (setup.code !== 0) throw new Error(`psi setup: ${setup.stderr}`);
  for (const [key, value] of Object.entries(values)) await created(sandbox, [`plain--${key}`, '-'], value);
  const trivial = await startTrivialPair(stage, join(sandbox.dir, 'tmp'), 'the only value');
  const bare = join(sandbox.dir, 'bare.sock');
  await startBare(stage, bare, trivial.value);
  for (const [name, lookup] of Object.entries({ trivial: trivial.command, bare: trivial.commandAt(bare) })) {
    const options = `lookup=${lookup},store=cat >/dev/null,delete=true,list=true`;
    for (const key of Object.keys(values))
      await created(sandbox, [`${name}--${key}`, '-', '--driver', 'shell', '--driver-opts', options], 'mapping');
  }
  await warmUp(psi, await idOf(sandbox, 'app--KEY_0'), 'value 0');

  const expected = Object.entries(values).map(([key, value]) => `${key}=${value}`);
  const always = Object.keys(values).map((key) => `${key}=${trivial.value}`);
  const fromPsi = (): Promise<number> => timed(() => start(sandbox, 'app', expected));
  const times: Readonly<Record<Kind, number[]>> = {
    none: [],
    file: [],
    trivial: [],
    bare: [],
    helper: [],
    first: [],
    curl: [],
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    times.none.push(await timed(() => start(sandbox, undefined, [])));
    times.file.push(await timed(() => start(sandbox, 'plain', expected)));
    times.trivial.push(await timed(() => start(sandbox, 'trivial', always)));
    times.bare.push(await timed(() => start(sandbox, 'bare', always)));
    const helper = await placeHelper(helperDir);
    await sleep(FORGOTTEN_MS);
    times.first.push(await fromPsi());
    times.helper.push(await fromPsi());
    await helper.remove();
    times.curl.push(await fromPsi());
  }
  await psi.stop();
  const logged = await serve(true);
  const inside: number[] = [];
  for (let round = 0; round < LOGGED_ROUNDS; round += 1) {
    const before = audited(logged).length;
    await fromPsi();
    inside.push(await insidePsi(logged, before));
  }
  await logged.stop();

  const of = (kind: Kind): number => median(times[kind]);
  const added = (kind: Kind): number => of(kind) - of('none');
  const share = median(inside);
  stage.show({
    title: `\`podman run\` (${sandbox.version}) with ${String(KEYS)} secrets as variables:`,
    rows: [
      ['secrets from', 'whole run', 'added', 'each', "beside the file driver's run"],
      ...Object.entries(ROWS).map(([kind, who]) => [
        who,
        ms(of(kind as Kind)),
        ms(added(kind as Kind)),
        ms(added(kind as Kind) / KEYS),
        `${(of(kind as Kind) / of('file')).toFixed(2)} x`,
      ]),
    ],
  });
  const what = `podman run (${sandbox.version}) with ${String(KEYS)} secrets as variables`;
  return [
    {
      id: 'run-helper-beside-file',
      what: `${what}, helper: the whole run beside that with Podman's file driver`,
      value: of('helper') / of('file'),
      unit: 'x',
      beside: `${ms(of('helper'))} beside ${ms(of('file'))}; without secrets ${ms(of('none'))}`,
    },
    {
      id: 'run-helper-beside-curl',
      what: 'the same: time added to a run without secrets beside what curl adds',
      value: added('helper') / added('curl'),
      unit: 'x',
      beside: `${ms(added('helper'))} beside ${ms(added('curl'))}; a trivial client adds ${ms(added('trivial'))}, at a bare node:http server ${ms(added('bare'))}`,
    },
    {
      id: 'run-share',
      what: `${what}, curl: of the time added, what is spent inside PSI (audit log)`,
      value: (share / added('curl')) * 100,
      unit: '%',
      beside: `${ms(share)}; the rest is Podman, sh and curl, ${String(KEYS)} times`,
    },
  ];
}

async function warmUp({ socket }: PsiProcess, id: string, body: string): Promise<void> {
  const { failures } = await load({ socket, paths: [`/lookup/${id}`], body, clients: 1, total: 1, warmUp: WARM_UP });
  if (failures.length > 0) throw new Error(`lookups failed: ${failures.join(', ')}`);
}

async function idOf(sandbox: Sandbox, name: string): Promise<string> {
  const { code, stdout, stderr } = await sandbox.podman(['secret', 'inspect', '--format', '{{.ID}}', name]);
  if (code !== 0) throw new Error(`podman secret inspect: ${stderr}`);
  return stdout.trim();
}

async function created(sandbox: Sandbox, args: readonly string[], input: string): Promise<void> {
  const made = await sandbox.podman(['secret', 'create', ...args], { input });
  if (made.code !== 0) throw new Error(`podman secret create: ${made.stderr}`);
}

async function start(sandbox: Sandbox, workload: string | undefined, expected: readonly string[]): Promise<void> {
  const flags = expected.flatMap((line) => {
    const key = line.slice(0, line.indexOf('='));
    return ['--secret', `${String(workload)}--${key},type=env,target=${key}`];
  });
  const ran = await sandbox.podman(['run', '--rm', ...flags, sandbox.image, 'env']);
  const lines = new Set(ran.stdout.split('\n'));
  if (ran.code !== 0 || !expected.every((line) => lines.has(line))) throw new Error(`podman run failed: ${ran.stderr}`);
}

type Audited = { readonly outcome: string; readonly ms: number };

function audited(psi: PsiProcess): readonly Audited[] {
  const lines = psi.log().split('\n').slice(0, -1);
  return lines.filter((line) => line.includes('"audit":"lookup"')).map((line) => JSON.parse(line) as Audited);
}

/** Milliseconds over the lookups of one start. The log comes through a pipe, so it may be a moment late. */
async function insidePsi(psi: PsiProcess, before: number): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const lookups = audited(psi).slice(before);
    if (lookups.length >= KEYS) return lookups.reduce((sum, lookup) => sum + lookup.ms, 0);
    await sleep(10);
  }
  throw new Error(`the audit log does not show ${String(KEYS)} lookups`);
}
