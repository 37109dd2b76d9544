// PSI is killed in the midst of everything, and in the midst of its start: whatever it acknowledged is there afterwards.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { stage, type Observed } from '../process/observed/stage.ts';
import { look } from './afterwards.ts';
import { peakMiB, type Order, type Part, type Tally } from './campaign.ts';
import { cleanly } from '../hosts/at-end.ts';
import { Random } from './random.ts';
import { KEYS, Traffic, valueOf } from './traffic.ts';

/** Longer than a start or a setup takes on an idle machine. */
const WITHIN_MS = 700;

export const KILLS: Part = { name: 'kills', unit: 'kills', whole: 300, run: kills };

export function busyStage(
  at: Parameters<typeof stage>[0],
  config: Readonly<Record<string, unknown>>,
): Promise<Observed> {
  const values = Object.fromEntries(KEYS.map((key) => [key, valueOf(key)]));
  return stage(at, { folders: { '/app': values }, cache: {}, config });
}

function kills({ count, seed, progress }: Order): Promise<Tally> {
  return cleanly(async (at) => {
    const random = new Random(seed);
    const it = await busyStage(at, {});
    const traffic = new Traffic(it, random);
    const faults: string[] = [];
    const counts = { duringStart: 0 };
    let peak = 0;
    for (let done = 0; done < count;) {
      const over = new AbortController();
      const going = traffic.go(over.signal);
      await setTimeout(random.below(WITHIN_MS));
      peak = Math.max(peak, await peakMiB(it.psi));
      await it.psi.kill();
      over.abort();
      await going;
      done += 1;
      if (done < count && random.below(4) === 0) {
        await killStarting(it, random.below(WITHIN_MS));
        counts.duringStart += 1;
        done += 1;
      }
      await it.restart();
      faults.push(...(await look(it, traffic, it.psi)));
      progress(done);
    }
    faults.push(...(await whole(it)));
    const { ledger, setups } = traffic;
    return { done: count, faults, peakMiB: peak, counts: { acknowledged: ledger.acknowledged, setups, ...counts } };
  });
}

async function killStarting(it: Observed, afterMs: number): Promise<void> {
  const [program = '', ...args] = PSI_UNDER_TEST;
  const env = { PATH: process.env['PATH'], PSI_CONFIG: it.psi.configFile, ...it.options.env };
  const child = spawn(program, [...args, 'serve'], { env, stdio: 'ignore' });
  const ended = once(child, 'exit');
  await setTimeout(afterMs);
  child.kill('SIGKILL');
  await ended;
}

/** After all of it a setup puts everything in step. */
export async function whole(it: Observed): Promise<readonly string[]> {
  const { code, stdout, stderr } = await it.setup();
  return code === 0 ? [] : [`the setup after all of it ends with ${String(code)}: ${stdout}${stderr}`];
}
