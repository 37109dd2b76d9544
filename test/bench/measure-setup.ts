// `psi setup` of 1,000 secrets against real Podman: the run that finds nothing to do. Podman's own database file is the witness that
// nothing was written; what the two listings cost by themselves is measured beside it.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ask } from '../hosts/psi-process.ts';
import { startSandbox } from '../hosts/sandbox.ts';
import { median, ms, timed, type Figure, type Stage } from './measurement.ts';
import { folder, startDouble, startPsiFor } from './world.ts';

const WORKLOADS = 20;
const KEYS = 50;
const RUNS = 5;

export async function measureSetup(stage: Stage, command: readonly string[]): Promise<readonly Figure[]> {
  const sandbox = await startSandbox();
  stage.defer(() => sandbox.stop());
  const names = Array.from({ length: WORKLOADS }, (_, index) => `w${String(index)}`);
  const double = await startDouble(
    stage,
    Object.fromEntries(names.map((name) => [`/${name}`, folder(KEYS, (index) => `value ${String(index)}`)])),
  );
  const workloads = Object.fromEntries(
    names.map((name) => [name, { provider: 'infisical', secrets: [{ project: 'main', path: `/${name}` }] }]),
  );
  const dir = join(sandbox.dir, 'psi');
  const psi = await startPsiFor(stage, { double, command, dir, podmanSocket: sandbox.socket, workloads });
  const setup = async (): Promise<void> => {
    const result = await psi.cli('setup');
    if (result.code !== 0) throw new Error(`psi setup ended with ${String(result.code)}: ${result.stderr}`);
  };
  const first = await timed(setup);

  const control = join(dir, 'control.sock');
  const database = join(sandbox.graphRoot, 'secrets/secrets.json');
  const before = await stateOf(database);
  const whole = await medianOf(setup);
  const inside = await medianOf(async () => {
    const { body } = await ask(control, 'POST', '/setup', '{}', { 'content-type': 'application/json' });
    if (!body.includes(`"kept":${String(WORKLOADS * KEYS)}`)) throw new Error(`not unchanged: ${body.toString()}`);
  });
  const after = await stateOf(database);
  const podman = await medianOf(() => ask(sandbox.socket, 'GET', '/v4.0.0/libpod/secrets/json'));
  const provider = await medianOf(async () => {
    for (const name of names) await double.listOnce(`/${name}`);
  });
  await psi.stop();

  const what = `psi setup of ${String(WORKLOADS * KEYS)} secrets in ${String(WORKLOADS)} workloads, nothing changed (podman ${sandbox.version})`;
  return [
    { id: 'setup-writes', what, value: writes(before, after), unit: 'writes', beside: "in Podman's secrets.json" },
    {
      id: 'setup-beside-listing',
      what: 'the same: time beside the two listings',
      value: Math.max(0, inside - podman - provider),
      unit: 'ms',
      beside:
        `in the service ${ms(inside)}, of which Podman's listing ${ms(podman)} and ${String(WORKLOADS)} provider listings ` +
        `${ms(provider)}; as a command ${ms(whole)}; creating them took ${(first / 1_000).toFixed(1)} s`,
    },
  ];
}

async function medianOf(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < RUNS; round += 1) times.push(await timed(work));
  return median(times);
}

type Database = { readonly modifiedMs: number; readonly secrets: ReadonlyMap<string, string> };

async function stateOf(file: string): Promise<Database> {
  const { secrets } = JSON.parse(await readFile(file, 'utf8')) as {
    readonly secrets: Readonly<Record<string, unknown>>;
  };
  const entries = Object.entries(secrets).map(([id, secret]) => [id, JSON.stringify(secret)] as const);
  return { modifiedMs: (await stat(file)).mtimeMs, secrets: new Map(entries) };
}

/** Secrets that came, went or changed; at least one if Podman saved its database at all. */
function writes(before: Database, after: Database): number {
  const ids = new Set([...before.secrets.keys(), ...after.secrets.keys()]);
  const changed = [...ids].filter((id) => before.secrets.get(id) !== after.secrets.get(id)).length;
  return before.modifiedMs === after.modifiedMs ? changed : Math.max(1, changed);
}
