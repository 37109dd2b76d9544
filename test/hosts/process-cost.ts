// What the kernel says of a process: resident memory and processor time.
import { readFile } from 'node:fs/promises';

export async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** The kernel counts in hundredths of a second: good for spans of seconds only. */
const TICK_MS = 10;

export async function processorMs(pid: number): Promise<number> {
  return spentMs(await readFile(`/proc/${String(pid)}/stat`, 'utf8'));
}

/** Of a process whose file `stat` says this. */
export function spentMs(stat: string): number {
  // The program's name, in parentheses, may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
