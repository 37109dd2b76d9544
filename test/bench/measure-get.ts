// A lookup that costs a provider call: one registered key in its path, so nothing is batched. The double, a process of its own, has
// no latency: what is left beside a direct call is PSI and its HTTP client.
import { load } from './load.ts';
import { median, ms, timed, type Figure, type Stage } from './measurement.ts';
import { folder, registerAll, startDouble, startPsiFor } from './world.ts';

const LOOKUPS = 300;
const VALUE = 'the only value of its path';

export async function measureGet(stage: Stage, command: readonly string[]): Promise<readonly Figure[]> {
  const folders = { '/single': folder(1, () => VALUE) };
  const double = await startDouble(stage, folders);
  const psi = await startPsiFor(stage, { double, command });
  const [[secret] = []] = await registerAll(psi, folders);
  if (!secret) throw new Error('nothing was registered');
  const { latencies, failures } = await load({
    socket: psi.socket,
    paths: [`/lookup/${secret.id}`],
    body: VALUE,
    clients: 1,
    total: LOOKUPS,
    warmUp: 50,
  });
  if (failures[0] !== undefined) throw new Error(failures[0]);
  const direct: number[] = [];
  for (let call = 0; call < LOOKUPS; call += 1) direct.push(await timed(() => double.readOnce('/single', 'KEY_0')));
  return [
    {
      id: 'lookup-get',
      what: 'lookup of the single key of a path: 1 provider GET each (a double without latency)',
      value: median(latencies),
      unit: 'ms',
      beside: `the same GET by fetch: ${ms(median(direct))}`,
    },
  ];
}
