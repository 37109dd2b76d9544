// A disk that can lose its power: a filesystem in a file, of which a copy is taken while it is in use. What was not synced is not in
// the copy, as it would not be on a disk.

import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { must, run } from '../hosts/run.ts';
import type { AtEnd } from '../hosts/at-end.ts';

const SIZE = '48M';
/** ext4 without its help for programs that do not sync, and without commits of its own. */
const MOUNT = 'loop,noauto_da_alloc,commit=600';

export class PowerDisk {
  readonly folder: string;
  readonly #image: string;

  private constructor(folder: string, image: string) {
    this.folder = folder;
    this.#image = image;
  }

  static async make(at: AtEnd, dir: string): Promise<PowerDisk> {
    const folder = `${dir}/disk`;
    const image = `${dir}/disk.img`;
    await mkdir(folder, { recursive: true });
    await must(['truncate', '-s', SIZE, image]);
    await must(['mkfs.ext4', '-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image]);
    await must(['mount', '-o', MOUNT, image, folder]);
    at.after(() => run(['umount', '-l', folder]));
    return new PowerDisk(folder, image);
  }

  /** What the disk holds at this moment. Whoever writes to it has been stopped before. */
  async cut(): Promise<void> {
    const device = basename((await must(['findmnt', '-n', '-o', 'SOURCE', this.folder])).stdout.trim());
    const writes = (): Promise<string> => readFile(`/sys/block/${device}/stat`, 'utf8');
    for (;;) {
      const before = await writes();
      await must(['cp', '--sparse=always', this.#image, `${this.#image}.cut`]);
      // A sync that was under way when the writer was stopped still comes to its end.
      if ((await writes()) === before) return;
      await setTimeout(10);
    }
  }

  /** The machine is on again, with what the disk held at the cut. Nobody has a file of it open. */
  async restore(): Promise<void> {
    await must(['umount', this.folder]);
    await must(['mv', `${this.#image}.cut`, this.#image]);
    await must(['mount', '-o', MOUNT, this.#image, this.folder]);
    await rm(`${this.folder}/lost+found`, { recursive: true, force: true });
  }
}

export async function powerDiskSupport(): Promise<
  { readonly ok: true } | { readonly ok: false; readonly reason: string }
> {
  if (process.getuid?.() !== 0) return { ok: false, reason: 'only root mounts a filesystem' };
  const devices = await readdir('/dev');
  return devices.includes('loop-control') ? { ok: true } : { ok: false, reason: 'the machine has no loop devices' };
}
