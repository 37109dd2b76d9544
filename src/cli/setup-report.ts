// The report of `psi setup` as lines for people.

import type { ChangeReport, SetupReport } from '../registration/setup-events.ts';
import { outcomeLine } from './cache-report.ts';
import type { Style, Terminal } from './terminal.ts';

const VERBS: Readonly<
  Record<ChangeReport['action'], { readonly plan: string; readonly done: string; readonly style: Style }>
> = {
  'write-header': { plan: 'write', done: 'wrote', style: 'yellow' },
  create: { plan: 'create', done: 'created', style: 'green' },
  remap: { plan: 'remap', done: 'remapped', style: 'yellow' },
  replace: { plan: 'replace', done: 'replaced', style: 'yellow' },
  'write-drop-in': { plan: 'write', done: 'wrote', style: 'yellow' },
  'remove-drop-in': { plan: 'remove', done: 'removed', style: 'red' },
};

/** What `psi setup --json` exits with is what this returns: 1 failed, 3 drift (dry run), 0 done. */
export function setupExit(report: SetupReport): number {
  if (report.failures.length > 0 || report.problems.length > 0) return 1;
  return report.dryRun && report.changes.length > 0 ? 3 : 0;
}

export function printSetupReport(terminal: Terminal, report: SetupReport): void {
  for (const change of report.changes) {
    const verb = VERBS[change.action];
    const word = report.dryRun ? `would ${verb.plan}` : verb.done;
    terminal.out(`${terminal.paint(verb.style, word)} ${subject(change)}`);
  }
  for (const orphan of report.orphans) {
    terminal.out(
      `${terminal.paint('dim', 'orphan')} ${orphan.name}: in Podman, used by no workload any more; \`podman secret rm ${orphan.name}\``,
    );
  }
  for (const { workload, name, by } of report.overridden) {
    terminal.out(
      `${terminal.paint('dim', 'note')} ${workload}: ${name} comes from ${by}, which is listed later than another source of it`,
    );
  }
  for (const note of report.notes) terminal.out(`${terminal.paint('dim', 'note')} ${note}`);
  if (report.cache) {
    terminal.out(`${terminal.paint('dim', 'note')} ${outcomeLine(report.cache)}`);
    if (!report.cache.saved && report.cache.hint !== null) terminal.out(`hint: ${report.cache.hint}`);
  }
  for (const { workload, key, reason, hint } of report.refused) {
    terminal.error(`refused: ${workload}: ${key}: ${reason}`);
    terminal.error(`hint: ${hint}`);
  }
  for (const { workload, name, reason, hint } of report.problems) {
    terminal.error(`error: ${workload}: ${name}: ${reason}`);
    terminal.error(`hint: ${hint}`);
  }
  for (const { workload, message, hint } of report.failures) {
    terminal.error(`error: ${workload === null ? '' : `${workload}: `}${message}`);
    if (hint !== null) terminal.error(`hint: ${hint}`);
  }
  terminal.out(summary(report));
}

function subject(change: ChangeReport): string {
  switch (change.action) {
    case 'write-header':
      return "the header file with the socket's token";
    case 'create':
    case 'replace':
      return `secret ${change.target ?? ''}`;
    case 'remap':
      return `mapping of ${change.target ?? ''}`;
    case 'write-drop-in':
    case 'remove-drop-in':
      return `drop-in of ${change.target ?? ''}`;
  }
}

function summary(report: SetupReport): string {
  const count = report.changes.length;
  const changes = count === 0 ? 'nothing to change' : `${String(count)} ${count === 1 ? 'change' : 'changes'}`;
  const failed = report.failures.length + report.problems.length;
  const parts = [
    report.dryRun && count > 0 ? `${changes} planned` : changes,
    `${String(report.kept)} unchanged`,
    ...(report.refused.length > 0 ? [`${String(report.refused.length)} refused`] : []),
    ...(failed > 0 ? [`${String(failed)} failed`] : []),
  ];
  return parts.join(', ');
}
