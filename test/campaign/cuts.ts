// The power goes in the midst of everything: what was acknowledged is on the disk.

import { kill } from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { look } from './afterwards.ts';
import { peakMiB, type Order, type Part, type Tally } from './campaign.ts';
import { cleanly } from '../hosts/at-end.ts';
import { busyStage, whole } from './kills.ts';
import { PowerDisk, powerDiskSupport } from './power-disk.ts';
import { Random } from './random.ts';
import { Traffic } from './traffic.ts';

const WITHIN_MS = 700;

export const CUTS: Part = { name: 'cuts', unit: 'power cuts', whole: 80, support: powerDiskSupport, run: cuts };

function cuts({ count, seed, progress }: Order): Promise<Tally> {
  return cleanly(async (at) => {
    const random = new Random(seed);
    const dir = await mkdtemp(join(tmpdir(), 'psi-cuts-'));
    at.after(() => rm(dir, { recursive: true, force: true }));
    const disk = await PowerDisk.make(at, dir);
    const folders = { stateDir: join(disk.folder, 'state'), systemdDir: join(disk.folder, 'systemd') };
    const it = await busyStage(at, { state_dir: folders.stateDir, systemd_dir: folders.systemdDir });
    const traffic = new Traffic(it, random);
    const faults: string[] = [];
    let peak = 0;
    for (let done = 1; done <= count; done += 1) {
      const over = new AbortController();
      const going = traffic.go(over.signal);
      await setTimeout(random.below(WITHIN_MS));
      peak = Math.max(peak, await peakMiB(it.psi));
      kill(it.psi.pid, 'SIGSTOP');
      await disk.cut();
      await it.psi.kill();
      over.abort();
      await going;
      await disk.restore();
      await it.restart();
      faults.push(...(await look(it, traffic, folders)));
      progress(done);
    }
    faults.push(...(await whole(it)));
    const { ledger, setups } = traffic;
    return { done: count, faults, peakMiB: peak, counts: { acknowledged: ledger.acknowledged, setups } };
  });
}
