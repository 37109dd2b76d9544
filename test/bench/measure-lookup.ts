// The hot path beside a bare server: same socket kind, same bytes, same Node, the two taking turns within one run.
// Once served by the encrypted cache, opened and in memory; once, without a cache, from the batch window: one listing every two seconds,
// the rest from memory too.
import { join } from 'node:path';
import { ask } from '../hosts/psi-process.ts';
import { startBare } from './child.ts';
import { load, type Load, type LoadResult } from './load.ts';
import { median, ms, percentile, type Figure, type Stage } from './measurement.ts';
import { processorMs } from '../hosts/process-cost.ts';
import { folder, registerAll, startDouble, startPsiFor, type PsiStart } from './world.ts';

const VALUE = 'a value of an ordinary length: 48 bytes, no more';
const FOLDERS = { '/app': folder(20, () => VALUE) };
const ROUNDS = 5;

type Server = Pick<Load, 'socket' | 'paths'> & { readonly pid: number };
type Rounds = { readonly results: readonly LoadResult[]; readonly processorMsEach: number };

export async function measureLookup(stage: Stage, command: readonly string[]): Promise<readonly Figure[]> {
  const dir = await stage.folder();
  const socket = join(dir, 'bare.sock');
  const child = await startBare(stage, socket, VALUE);
  const bare: Server = { pid: child.pid, socket, paths: ['/lookup/any'] };
  const double = await startDouble(stage, FOLDERS);
  const cached = await startServed(stage, { double, command, cached: true });
  const windowed = await startServed(stage, { double, command });
  const servers = [bare, cached, windowed] as const;

  const [bareAlone, cachedAlone, windowedAlone] = await inTurns(servers, { clients: 1, total: 1_000, warmUp: 200 });
  const [bareMany, cachedMany, windowedMany] = await inTurns(servers, { clients: 32, total: 4_000, warmUp: 500 });
  const burst = await load({ ...cached, body: VALUE, clients: 500, total: 500, warmUp: 0 });
  const rounds = [cachedAlone, windowedAlone, cachedMany, windowedMany];
  const failures = [...rounds.flatMap(({ results }) => results), burst].flatMap((result) => result.failures);
  return [
    ratioOfMedians({ id: 'lookup-p50', what: 'cached lookup' }, bareAlone, cachedAlone),
    ratioOfThroughputs('lookup-throughput', bareMany, cachedMany),
    ratioOfMedians({ id: 'lookup-window-p50', what: 'lookup served from the batch window' }, bareAlone, windowedAlone),
    ratioOfThroughputs('lookup-window-throughput', bareMany, windowedMany),
    {
      id: 'lookup-burst-failures',
      what: '500 cached lookups at once, and all of the lines above',
      value: failures.length,
      unit: 'failures',
      beside: failures[0] ?? `the slowest of the 500 took ${ms(percentile(burst.latencies, 100))}`,
    },
  ];
}

/** Every secret is registered, and looked up once: with a cache that answers from then on. */
async function startServed(stage: Stage, options: PsiStart): Promise<Server> {
  const psi = await startPsiFor(stage, options);
  const paths = (await registerAll(psi, FOLDERS)).flat().map(({ id }) => `/lookup/${id}`);
  for (const path of paths) await ask(psi.socket, 'GET', path);
  const source = (await ask(psi.socket, 'GET', paths[0] ?? '/')).headers['psi-source'];
  const wanted = options.cached === true ? 'cache' : 'live';
  if (source !== wanted) throw new Error(`psi answers from ${String(source)}, not from ${wanted}`);
  return { pid: psi.pid, socket: psi.socket, paths };
}

async function inTurns(
  servers: readonly [Server, Server, Server],
  shape: Pick<Load, 'clients' | 'total' | 'warmUp'>,
): Promise<readonly [Rounds, Rounds, Rounds]> {
  const results: readonly [LoadResult[], LoadResult[], LoadResult[]] = [[], [], []];
  const spent: [number, number, number] = [0, 0, 0];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [at, server] of servers.entries() as Iterable<[0 | 1 | 2, Server]>) {
      const before = await processorMs(server.pid);
      results[at].push(await load({ socket: server.socket, paths: server.paths, body: VALUE, ...shape }));
      spent[at] += (await processorMs(server.pid)) - before;
    }
  }
  const roundsOf = (at: 0 | 1 | 2): Rounds => ({
    results: results[at],
    processorMsEach: spent[at] / (ROUNDS * (shape.total + shape.warmUp)),
  });
  return [roundsOf(0), roundsOf(1), roundsOf(2)];
}

function ratioOfMedians({ id, what }: Pick<Figure, 'id' | 'what'>, bare: Rounds, psi: Rounds): Figure {
  const p50 = (rounds: Rounds): number => median(rounds.results.map((result) => median(result.latencies)));
  const p99 = percentile(
    psi.results.flatMap((result) => result.latencies),
    99,
  );
  return {
    id,
    what: `${what}, a new connection each, 1 client: p50 beside a bare node:http server`,
    value: p50(psi) / p50(bare),
    unit: 'x',
    beside: `${ms(p50(psi))} beside ${ms(p50(bare))}; p99 ${ms(p99)}; ${processor(bare, psi)}`,
  };
}

function ratioOfThroughputs(id: string, bare: Rounds, psi: Rounds): Figure {
  const rate = (rounds: Rounds): number =>
    median(rounds.results.map((result) => result.latencies.length / result.seconds));
  return {
    id,
    what: 'the same with 32 clients: throughput beside the bare server',
    value: (rate(psi) / rate(bare)) * 100,
    unit: '%',
    beside: `${rate(psi).toFixed(0)}/s beside ${rate(bare).toFixed(0)}/s; ${processor(bare, psi)}`,
  };
}

function processor(bare: Rounds, psi: Rounds): string {
  return `processor time each ${ms(psi.processorMsEach)} beside ${ms(bare.processorMsEach)}`;
}
