// What an import of a quadlet says beside its keys: what was taken out of which file, and what is left to do. Never a value.

import type { QuadletReport } from '../transfer/import/quadlet.ts';
import type { Terminal } from './terminal.ts';

export function printQuadletSteps(terminal: Terminal, report: QuadletReport, rewrite: boolean): void {
  for (const note of report.notes) terminal.error(`note: ${note}`);
  for (const { path, removed, backup } of report.edits) {
    const word = backup === null ? (rewrite ? 'would edit' : '--rewrite would edit') : 'edited';
    terminal.out(`${terminal.paint(backup === null ? 'dim' : 'green', word)} ${path}`);
    for (const line of removed) terminal.out(`  - ${line}`);
    if (backup !== null) terminal.error(`note: ${backup} holds the old values: remove it when the unit runs`);
  }
  if (report.editFailure) {
    terminal.error(`error: ${report.editFailure.message}`);
    if (report.editFailure.hint !== null) terminal.error(`hint: ${report.editFailure.hint}`);
  }
  if (!report.next || report.dryRun) return;
  if (report.next.config !== undefined) {
    terminal.out('next: put this into the config:');
    for (const line of report.next.config.split('\n')) terminal.out(`    ${line}`);
  }
  for (const command of report.next.commands) terminal.out(`next: ${command}`);
}
