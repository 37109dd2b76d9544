// What a measurement is given and what it gives back. Everything it starts is undone after it, in reverse order.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Support } from '../hosts/sandbox.ts';

export type Unit = 'x' | '%' | 'ms' | 'MB' | 'calls' | 'failures' | 'writes' | 'lookups/s';

export type Figure = {
  /** Stable; the key of its budget. */
  readonly id: string;
  readonly what: string;
  readonly value: number;
  readonly unit: Unit;
  /** What the value was made of or compared with. */
  readonly beside: string;
};

export type Measurement = {
  readonly name: string;
  /** Whether it can run on this machine; absent: always. */
  readonly support?: () => Promise<Support>;
  /** `command` starts PSI. */
  readonly run: (stage: Stage, command: readonly string[]) => Promise<readonly Figure[]>;
};

/** What was measured side by side: a first row of headings, then a row for each. */
export type SideBySide = { readonly title: string; readonly rows: readonly (readonly string[])[] };

export class Stage {
  readonly #undo: (() => Promise<unknown>)[] = [];
  readonly #tables: SideBySide[] = [];

  /** For the reader alone: no budget holds for it. */
  show(table: SideBySide): void {
    this.#tables.push(table);
  }

  get tables(): readonly SideBySide[] {
    return this.#tables;
  }

  defer(undo: () => Promise<unknown>): void {
    this.#undo.push(undo);
  }

  async folder(): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'psi-bench-'));
    this.defer(() => rm(dir, { recursive: true, force: true }));
    return dir;
  }

  async close(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) await undo();
  }
}

/** By nearest rank; the values need no order. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const index = Math.min(sorted.length - 1, Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1));
  return sorted[index] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 50);

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

export const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
