// `npm run campaign`: what PSI has to live through, in full. `--part kills,cuts`: some of it; `--share 0.1`: a tenth of each;
// `--seed N`: the same again. Exit 1 if anything was lost.

import { parseArgs } from 'node:util';
import { isGood, MEMORY_MIB, type Part, type Tally } from './campaign.ts';
import { PARTS } from './parts.ts';

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { part: { type: 'string' }, share: { type: 'string' }, seed: { type: 'string' } },
  });
  const share = Number(values.share ?? 1);
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  const names = values.part?.split(',');
  const unknown = names?.filter((name) => !PARTS.some((part) => part.name === name)) ?? [];
  if (unknown.length > 0 || !(share > 0 && share <= 1) || !Number.isInteger(seed)) {
    console.error('usage: npm run campaign -- [--part NAME,…] [--share 0.1] [--seed N]');
    console.error(`hint: the parts are ${PARTS.map(({ name }) => name).join(', ')}`);
    return 64;
  }
  console.log(`campaign: seed ${String(seed)}`);
  let good = true;
  for (const part of PARTS.filter(({ name }) => names?.includes(name) ?? true)) {
    good = (await one(part, Math.max(1, Math.round(part.whole * share)), seed)) && good;
  }
  return good ? 0 : 1;
}

async function one(part: Part, count: number, seed: number): Promise<boolean> {
  const support = (await part.support?.()) ?? { ok: true };
  if (!support.ok) {
    console.log(`skipped: ${part.name}: ${support.reason}`);
    return true;
  }
  const began = performance.now();
  const tenths = new Set<number>();
  const tally = await part.run({
    count,
    seed,
    progress: (done) => {
      const tenth = Math.floor((10 * done) / count);
      if (tenths.has(tenth)) return;
      tenths.add(tenth);
      console.error(`${part.name}: ${String(done)} of ${String(count)} ${part.unit}`);
    },
  });
  const seconds = Math.round((performance.now() - began) / 1000);
  for (const note of tally.notes ?? []) console.log(`${part.name}: ${note}`);
  for (const fault of tally.faults.slice(0, 20)) console.log(`fault: ${part.name}: ${fault}`);
  console.log(`${part.name}: ${line(part, tally)}, ${String(seconds)} s`);
  return isGood(tally);
}

function line({ unit }: Part, tally: Tally): string {
  const counts = Object.entries(tally.counts).map(([name, count]) => `${name} ${String(count)}`);
  const parts = [`${String(tally.done)} ${unit}`, `${String(tally.faults.length)} faults`, ...counts];
  const memory = tally.peakMiB > 0 ? [`at most ${String(tally.peakMiB)} MiB of ${String(MEMORY_MIB)}`] : [];
  return [...parts, ...memory].join(', ');
}

process.exitCode = await main();
