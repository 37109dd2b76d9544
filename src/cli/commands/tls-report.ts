// What `psi infisical tls …` prints for people.

import type { CertificateReport, HookReport, CertificateRunReport } from '../../certificates/report.ts';
import type { CertificateCondition, CertificateStatus, CertificateOverview } from '../../certificates/status.ts';
import { painted, type Style } from '../../core/text/line.ts';
import type { Terminal } from '../terminal.ts';

export function printTlsRun(terminal: Terminal, { certificates }: CertificateRunReport): void {
  if (certificates.length === 0) terminal.out(NONE);
  for (const report of certificates) {
    terminal.out(`${report.name}: ${outcomeOf(report)}`);
    for (const hook of report.hooks) printHook(terminal, report.name, hook);
    if (report.exposed) terminal.tell(`${report.name}: ${report.exposed.message}`, report.exposed.hint);
    if (report.failure) terminal.fail(report.failure, { subject: report.name });
  }
}

const NONE = 'no certificates are configured: they stand under `tls.certificates` of the provider';

function outcomeOf({ outcome, notAfter, renewalDue, requestStatus }: CertificateReport): string {
  switch (outcome) {
    case 'pending':
      return `on its way (${words(requestStatus ?? 'pending')}); the next run goes on with it`;
    case 'failed':
      return notAfter === null ? 'failed' : `failed; the one in place ends on ${day(notAfter)}`;
    case 'kept':
      return notAfter === null ? 'kept' : `kept, ends on ${day(notAfter)}, due on ${day(renewalDue ?? notAfter)}`;
    case 'issued':
    case 'renewed':
    case 'restored':
      return `${outcome}, ends on ${day(notAfter ?? '')}`;
  }
}

function printHook(terminal: Terminal, name: string, { argv, ok, exit, ended, output }: HookReport): void {
  const line = `hook ${argv.join(' ')}`;
  if (ok) {
    terminal.out(`${name}: ${line}: done`);
    return;
  }
  const message = ended ?? `exit status ${String(exit)}`;
  terminal.fail({ message, hint: 'it runs again at the next run' }, { subject: `${name}: ${line}`, said: output });
}

const STYLES: Readonly<Record<CertificateCondition, Style>> = {
  valid: 'green',
  due: 'yellow',
  changed: 'yellow',
  pending: 'yellow',
  'not issued': 'yellow',
  incomplete: 'red',
  rejected: 'red',
  expired: 'red',
};

export function printTlsStatus(terminal: Terminal, { certificates, nextRun, timerProblem }: CertificateOverview): void {
  if (certificates.length === 0) {
    terminal.out(NONE);
    return;
  }
  const head = ['NAME', 'COMMON NAME', 'CONDITION', 'ENDS', 'DAYS LEFT', 'RENEWAL'];
  const rows = certificates.map(rowOf);
  const widths = head.map((title, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? title).length)));
  for (const row of [head, ...rows]) {
    const cells = row.flatMap((cell, column) => {
      const padded = column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0);
      const style = column === 2 ? STYLES[cell as CertificateCondition] : undefined;
      return [column === 0 ? '' : '  ', style === undefined ? padded : painted(style, padded)];
    });
    terminal.out(cells);
  }
  for (const { name, requestStatus, renewedLater, owedHooks, exposed, lastError } of certificates) {
    if (renewedLater) terminal.tell(`${name}: ${renewedLater.message}`, renewedLater.hint);
    if (requestStatus !== null) terminal.out(`${name}: order under way: ${words(requestStatus)}`);
    for (const hook of owedHooks) terminal.out(`${name}: hook still to run: ${hook.join(' ')}`);
    if (exposed) terminal.tell(`${name}: ${exposed.message}`, exposed.hint);
    if (!lastError) continue;
    terminal.tell(`${name}: last error, ${lastError.at}: ${lastError.message}`, lastError.hint);
  }
  if (timerProblem) terminal.tell(timerProblem.message, timerProblem.hint);
  terminal.out(nextRun === null ? 'next run: psi-tls-renew.timer is not active' : `next run: ${nextRun}`);
}

function rowOf(status: CertificateStatus): readonly string[] {
  const { name, commonName, condition, notAfter, daysLeft, renewalDue } = status;
  return [
    ...[name, commonName, condition, notAfter === null ? '-' : day(notAfter)],
    ...[daysLeft === null ? '-' : String(daysLeft), renewalDue === null ? '-' : day(renewalDue)],
  ];
}

function words(status: string): string {
  return status.replaceAll('_', ' ');
}

function day(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)}Z`;
}
