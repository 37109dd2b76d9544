// What the parts of the campaign have in common: how much of each, what they count, and the PSI that they do it to.

import { readFile } from 'node:fs/promises';
import { ask, type PsiProcess } from '../hosts/psi-process.ts';

export type Part = {
  readonly name: string;
  /** What one of them is, for the report. */
  readonly unit: string;
  /** Of a whole campaign. */
  readonly whole: number;
  readonly run: (order: Order) => Promise<Tally>;
  readonly support?: () => Promise<{ readonly ok: true } | { readonly ok: false; readonly reason: string }>;
};

export type Order = {
  readonly count: number;
  readonly seed: number;
  /** Called as it goes, for who waits. */
  readonly progress: (done: number) => void;
};

export type Tally = {
  readonly done: number;
  /** What must not be, in words; empty: all is well. */
  readonly faults: readonly string[];
  /** What was seen, in words, for the report. */
  readonly notes?: readonly string[];
  /** The most that the process ever had in memory, in MiB; 0 where none is looked at. */
  readonly peakMiB: number;
  /** What else was counted. */
  readonly counts: Readonly<Record<string, number>>;
};

export function isGood(tally: Tally): boolean {
  return tally.faults.length === 0 && tally.peakMiB <= MEMORY_MIB;
}

/** More than this is a fault, whatever is sent to PSI. */
export const MEMORY_MIB = 400;

/** The most that this process ever had resident. */
export async function peakMiB(psi: Pick<PsiProcess, 'pid'>): Promise<number> {
  const text = await readFile(`/proc/${String(psi.pid)}/status`, 'utf8').catch(() => '');
  return Math.ceil(Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) / 1024);
}

/** A secret id as Podman makes them. */
export const idOf = (number: number): string => `c0${String(number).padStart(23, '0')}`;

export const mappingOf = (key: string): string =>
  JSON.stringify({ provider: 'infisical', project: 'main', path: '/app', key });

export type Found = { readonly status: number; readonly code: string; readonly value: string };

export async function lookUp(socket: string, id: string): Promise<Found> {
  const { status, headers, body } = await ask(socket, 'GET', `/lookup/${id}`);
  const code = headers['psi-code'];
  return { status, code: typeof code === 'string' ? code : '', value: body.toString('utf8') };
}
