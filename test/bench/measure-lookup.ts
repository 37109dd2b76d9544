// The hot path beside a bare server: same socket kind, same bytes, same Node, the two taking turns within one run.
// What is served is a live answer from the batch window: one listing every two seconds, the rest from memory.
import { join, resolve } from 'node:path';
import type { PsiProcess } from '../hosts/psi-process.ts';
import { startChild } from './child.ts';
import { load, type Load, type LoadResult } from './load.ts';
import { median, ms, percentile, type Figure, type Stage } from './measurement.ts';
import { processorMs } from './process-cost.ts';
import { folder, registerAll, startDouble, startPsiFor } from './world.ts';

const VALUE = 'a value of an ordinary length: 48 bytes, no more';
const ROUNDS = 5;
const SERVER = resolve(import.meta.dirname, 'bare-server.ts');

type Server = Pick<Load, 'socket' | 'paths'> & { readonly pid: number };
type Rounds = { readonly results: readonly LoadResult[]; readonly processorMsEach: number };

export async function measureLookup(stage: Stage, command: readonly string[]): Promise<readonly Figure[]> {
  const dir = await stage.folder();
  const socket = join(dir, 'bare.sock');
  const child = await startChild(stage, SERVER, [socket, VALUE]);
  const bare: Server = { pid: child.pid, socket, paths: ['/lookup/any'] };
  const { psi, paths } = await startServed(stage, command);
  const served: Server = { pid: psi.pid, socket: psi.socket, paths };

  const [bareAlone, psiAlone] = await inTurns(bare, served, { clients: 1, total: 1_000, warmUp: 200 });
  const [bareMany, psiMany] = await inTurns(bare, served, { clients: 32, total: 4_000, warmUp: 500 });
  const burst = await load({ ...served, body: VALUE, clients: 500, total: 500, warmUp: 0 });
  const failures = [...psiAlone.results, ...psiMany.results, burst].flatMap((result) => result.failures);
  return [
    ratioOfMedians(bareAlone, psiAlone),
    ratioOfThroughputs(bareMany, psiMany),
    {
      id: 'lookup-burst-failures',
      what: '500 lookups at once, and all of the two lines above',
      value: failures.length,
      unit: 'failures',
      beside: failures[0] ?? `the slowest of the 500 took ${ms(percentile(burst.latencies, 100))}`,
    },
  ];
}

async function startServed(stage: Stage, command: readonly string[]): Promise<{ psi: PsiProcess; paths: string[] }> {
  const folders = { '/app': folder(20, () => VALUE) };
  const psi = await startPsiFor(stage, { double: await startDouble(stage, folders), command });
  const groups = await registerAll(psi, folders);
  return { psi, paths: groups.flat().map(({ id }) => `/lookup/${id}`) };
}

async function inTurns(
  bare: Server,
  psi: Server,
  shape: Pick<Load, 'clients' | 'total' | 'warmUp'>,
): Promise<readonly [Rounds, Rounds]> {
  const results: readonly [LoadResult[], LoadResult[]] = [[], []];
  const spent: [number, number] = [0, 0];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [at, server] of [bare, psi].entries() as Iterable<[0 | 1, Server]>) {
      const before = await processorMs(server.pid);
      results[at].push(await load({ socket: server.socket, paths: server.paths, body: VALUE, ...shape }));
      spent[at] += (await processorMs(server.pid)) - before;
    }
  }
  const each = (at: 0 | 1): number => spent[at] / (ROUNDS * (shape.total + shape.warmUp));
  return [
    { results: results[0], processorMsEach: each(0) },
    { results: results[1], processorMsEach: each(1) },
  ];
}

function ratioOfMedians(bare: Rounds, psi: Rounds): Figure {
  const p50 = (rounds: Rounds): number => median(rounds.results.map((result) => median(result.latencies)));
  const p99 = percentile(
    psi.results.flatMap((result) => result.latencies),
    99,
  );
  return {
    id: 'lookup-p50',
    what: 'lookup served from the batch window, a new connection each, 1 client: p50 beside a bare node:http server',
    value: p50(psi) / p50(bare),
    unit: 'x',
    beside: `${ms(p50(psi))} beside ${ms(p50(bare))}; p99 ${ms(p99)}; ${processor(bare, psi)}`,
  };
}

function ratioOfThroughputs(bare: Rounds, psi: Rounds): Figure {
  const rate = (rounds: Rounds): number =>
    median(rounds.results.map((result) => result.latencies.length / result.seconds));
  return {
    id: 'lookup-throughput',
    what: 'the same with 32 clients: throughput beside the bare server',
    value: (rate(psi) / rate(bare)) * 100,
    unit: '%',
    beside: `${rate(psi).toFixed(0)}/s beside ${rate(bare).toFixed(0)}/s; ${processor(bare, psi)}`,
  };
}

function processor(bare: Rounds, psi: Rounds): string {
  return `processor time each ${ms(psi.processorMsEach)} beside ${ms(bare.processorMsEach)}`;
}
