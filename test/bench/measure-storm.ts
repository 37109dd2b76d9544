// A boot: 50 workloads × 20 secrets on a PSI that has neither token nor value. Twice: everything at once over the socket, and by the
// frozen curl command under one lock, as Podman does it, where one start's lookups are spread over the whole storm.
import { driverMaxTimeSeconds, driverOptions } from '../../src/registration/driver-command/options.ts';
import { timed, type Figure, type Stage } from './measurement.ts';
import { overSocket, storm, stormFolders, underPodmansLock } from './storm.ts';
import { registerAll, startDouble, startPsiFor, type Knobs } from './world.ts';
import { NO_HELPER } from '../hosts/driver-command.ts';

const WORKLOADS = 50;
const SECRETS = 20;
const TIMEOUT_MS = 5_000;

type Storm = { readonly id: string; readonly what: string; readonly knobs: Knobs; readonly locked: boolean };

const SLOW: Knobs = { latencyMs: 50 };
const LIMITED: Knobs = { latencyMs: 50, limits: { total: 60 } };

const STORMS: readonly Storm[] = [
  { id: 'storm', what: 'all at once, provider at 50 ms', knobs: SLOW, locked: false },
  { id: 'storm-limited', what: 'all at once, provider at 50 ms and 60 calls a minute', knobs: LIMITED, locked: false },
  { id: 'storm-locked', what: "by curl under Podman's lock, provider at 50 ms", knobs: SLOW, locked: true },
  {
    id: 'storm-locked-limited',
    what: "by curl under Podman's lock, provider at 50 ms and 60 calls a minute",
    knobs: LIMITED,
    locked: true,
  },
];

export async function measureStorm(stage: Stage, command: readonly string[]): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const one of STORMS) figures.push(...(await measureOne(stage, command, one)));
  return figures;
}

async function measureOne(stage: Stage, command: readonly string[], one: Storm): Promise<readonly Figure[]> {
  const folders = stormFolders(WORKLOADS, SECRETS);
  const double = await startDouble(stage, folders);
  await double.turn(one.knobs);
  const psi = await startPsiFor(stage, { double, command });
  const groups = await registerAll(psi, folders);
  const maxTimeSeconds = driverMaxTimeSeconds(TIMEOUT_MS);
  const { lookup } = driverOptions({ socket: psi.socket, maxTimeSeconds, headerFile: undefined, helper: NO_HELPER });
  const asker = one.locked ? underPodmansLock(lookup) : overSocket(psi.socket);
  let failures: readonly string[] = [];
  const took = await timed(async () => {
    failures = await storm(groups, asker);
  });
  const what = `boot of ${String(WORKLOADS)} workloads x ${String(SECRETS)} secrets, cold, ${one.what}`;
  const calls = Object.values(await double.calls()).reduce((sum, count) => sum + count, 0);
  await psi.stop();
  return [
    {
      id: `${one.id}-calls`,
      what,
      value: calls,
      unit: 'calls',
      beside: `${String(WORKLOADS * SECRETS)} lookups in ${(took / 1_000).toFixed(1)} s; login included`,
    },
    { id: `${one.id}-failures`, what, value: failures.length, unit: 'failures', beside: failures[0] ?? '' },
  ];
}
