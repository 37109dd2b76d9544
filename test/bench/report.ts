// Results as the README's Markdown table, or as JSON.
import { availableParallelism } from 'node:os';
import type { Budget } from './budgets.ts';
import type { Figure, SideBySide, Unit } from './measurement.ts';

export type Result = Figure & {
  readonly runs: number;
  readonly budget: Budget | undefined;
  readonly verdict: 'ok' | 'over' | 'no budget';
};

/** A measurement that this machine cannot make. */
export type Skipped = { readonly name: string; readonly reason: string };

const COUNTED: readonly Unit[] = ['calls', 'failures', 'writes'];

export type Report = {
  readonly results: readonly Result[];
  readonly tables: readonly SideBySide[];
  readonly skipped: readonly Skipped[];
};

export function tableReport({ results, tables, skipped }: Report): string {
  const rows = results.map((result) => [
    result.what,
    `${shown(result.value, result.unit)}${result.runs > 1 ? ` (${String(result.runs)} runs)` : ''}`,
    result.beside,
    budgetText(result),
    result.verdict === 'no budget' ? '' : result.verdict,
  ]);
  return [
    ...markdown([['what', 'measured', 'detail', 'budget', ''], ...rows]),
    '',
    ...tables.flatMap((table) => [table.title, '', ...markdown(table.rows), '']),
    `Node ${process.version}, ${String(availableParallelism())} processors. PSI, the Infisical double and the load are processes of their`,
    'own; ratios compare with the other figure of the same run. Where noise put a figure over its budget, the best of the runs counts.',
    ...skipped.map(({ name, reason }) => `Not measured: ${name}: ${reason}.`),
  ].join('\n');
}

function markdown([head = [], ...rows]: readonly (readonly string[])[]): readonly string[] {
  return [head, head.map(() => '---'), ...rows].map(
    (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`,
  );
}

export function jsonReport({ results, tables, skipped }: Report): string {
  const figures = results.map(({ budget, ...result }) => ({
    ...result,
    budget: budget === undefined ? null : { [budget.sense.replace(' ', '_')]: budget.limit },
  }));
  return JSON.stringify(
    { node: process.version, processors: availableParallelism(), figures, tables, skipped },
    null,
    2,
  );
}

function shown(value: number, unit: Unit): string {
  if (COUNTED.includes(unit)) return `${String(value)} ${unit}`;
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return `${value.toFixed(digits)} ${unit}`;
}

function budgetText({ budget, unit }: Result): string {
  return budget === undefined ? '' : `${budget.sense} ${String(budget.limit)} ${unit}`;
}
