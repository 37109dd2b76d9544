// The report of an import as lines for people: what was done on stdout, what was not on stderr.

import type { ImportReport, KeyOutcome, KeyResult } from '../transfer/import/report.ts';
import type { Style, Terminal } from './terminal.ts';

const WORDS: Readonly<Record<KeyOutcome, { readonly done: string; readonly plan: string; readonly style: Style }>> = {
  created: { done: 'created', plan: 'would create', style: 'green' },
  overwritten: { done: 'overwritten', plan: 'would overwrite', style: 'yellow' },
  skipped: { done: 'skipped', plan: 'would skip', style: 'dim' },
  approval: { done: 'approval requested', plan: 'approval requested', style: 'yellow' },
  refused: { done: 'refused', plan: 'refused', style: 'red' },
  failed: { done: 'failed', plan: 'would fail', style: 'red' },
  untried: { done: 'not written', plan: 'would not be written', style: 'red' },
};

const BAD: ReadonlySet<KeyOutcome> = new Set(['refused', 'failed', 'untried']);

export function printImportReport(terminal: Terminal, report: ImportReport): void {
  const { results, dryRun, failure } = report;
  for (const result of results.filter(({ outcome }) => !BAD.has(outcome))) {
    terminal.out(`${terminal.paint(WORDS[result.outcome].style, wordOf(result, dryRun))} ${subject(result)}`);
  }
  const hints = new Set<string>();
  for (const result of results.filter(({ outcome }) => BAD.has(outcome))) {
    terminal.error(`${wordOf(result, dryRun)}: ${subject(result)}`);
    // One that holds for a whole batch is said once.
    if (result.hint === null || hints.has(result.hint)) continue;
    hints.add(result.hint);
    terminal.error(`hint: ${result.hint}`);
  }
  for (const { key, from, notes } of results) {
    for (const note of notes) terminal.error(`note: ${key ?? '?'} (${from}): ${note}`);
  }
  if (failure) {
    terminal.error(`error: ${failure.message}`);
    if (failure.hint !== null) terminal.error(`hint: ${failure.hint}`);
  }
  terminal.out(summary(report));
}

function wordOf({ outcome }: KeyResult, dryRun: boolean): string {
  return dryRun ? WORDS[outcome].plan : WORDS[outcome].done;
}

function subject({ key, from, reason }: KeyResult): string {
  const where = key === null ? from : `${key} (${from})`;
  return reason === null ? where : `${where}: ${reason}`;
}

function summary({ results, project, path, dryRun }: ImportReport): string {
  const counts = Map.groupBy(results, ({ outcome }) => outcome);
  const parts = [...counts].map(
    ([outcome, of]) => `${String(of.length)} ${dryRun ? WORDS[outcome].plan : WORDS[outcome].done}`,
  );
  return `${project}:${path}: ${parts.length === 0 ? 'nothing to import' : parts.join(', ')}`;
}
