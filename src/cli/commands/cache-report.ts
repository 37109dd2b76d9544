// What `psi cache …` and `psi hsm …` print for people.

import type { CacheOutcome } from '../../cache/fill.ts';
import type { CacheReport } from '../../cache/control.ts';
import type { CacheStatus } from '../../cache/status.ts';
import { painted } from '../../core/text/line.ts';
import type { RecipientState } from '../../sealing/recipient-state.ts';
import type { KeyReport } from '../../sealing/key-report.ts';
import { duration } from '../duration.ts';
import type { Terminal } from '../terminal.ts';

/** One line, for `psi status` too; a problem follows as lines of its own. */
export function printCacheLine(terminal: Terminal, status: CacheStatus): void {
  const parts = [
    `cache: ${status.state} (${status.backends.join(', ')})`,
    `${String(status.entries)} entries`,
    ...(status.oldestAgeSeconds === null ? [] : [`the oldest ${duration(status.oldestAgeSeconds)} old`]),
    ...(status.ageUnknown > 0 ? [`${String(status.ageUnknown)} of unknown age: the clock was set back`] : []),
    ...(status.expired > 0 ? [`${String(status.expired)} older than max_age`] : []),
    ...(status.unsaved ? ['not all of it saved yet'] : []),
  ];
  terminal.out(parts.join(', '));
  if (status.problem) {
    const { since, message, hint } = status.problem;
    terminal.tell([painted('red', 'problem'), ` since ${since}: ${message}`], hint);
  }
}

export function printCacheReport(terminal: Terminal, report: CacheReport): void {
  printCacheLine(terminal, report);
  const { live, held, cache, stale } = report.answers;
  terminal.out(
    `answers: ${String(cache)} from the cache, ${String(live)} live, ${String(held)} from a listing held, ${String(stale)} stale`,
  );
  terminal.out(report.savedAt === null ? 'saved: never' : `saved: ${report.savedAt}`);
  if (report.maxAgeSeconds !== null) terminal.out(`max_age: ${duration(report.maxAgeSeconds)}`);
  if (report.setAside !== null) terminal.out(`set aside: ${report.setAside}, which could not be read`);
  if (report.missing > 0) {
    terminal.out(
      `missing: ${String(report.missing)} registered secrets are not cached; \`podman exec psi psi cache refresh\` fetches them`,
    );
  }
  for (const key of report.keys) printKeyReport(terminal, key);
  printRecipients(terminal, report.recipients ?? []);
  if (report.verified?.ok === true) {
    const { entries, writtenAt } = report.verified;
    terminal.out(
      writtenAt === null
        ? 'verified: there is no file yet'
        : [painted('green', 'verified'), `: the file of ${writtenAt} opens and holds ${String(entries)} entries`],
    );
  } else if (report.verified) terminal.fail(report.verified.failure);
}

export function printKeyReport(terminal: Terminal, { backend, device, checks, problem }: KeyReport): void {
  if (device !== null) terminal.out(`${backend}: ${device}`);
  for (const check of checks) {
    terminal.out(`  ${check.name}: ${check.found}`);
    if (check.problem) terminal.fail(check.problem);
  }
  if (problem) terminal.fail(problem);
}

const RESEAL = '`podman exec psi psi cache reseal`';
const RECOVER = '`podman exec -i psi psi cache recover --identity - < KEY_FILE`';

/** Whom the file is sealed for, a line each. */
export function printRecipients(terminal: Terminal, states: readonly RecipientState[]): void {
  // Without a file there is nothing to say of it.
  if (states.every(({ sealed }) => !sealed)) return;
  for (const state of states) printRecipient(terminal, state);
}

function printRecipient(
  terminal: Terminal,
  { kind, recipient, configured, sealed, opens, problem }: RecipientState,
): void {
  const who = recipient === null ? kind : `${kind} ${recipient}`;
  if (!sealed) terminal.tell(`not sealed for ${who}, which the config names`, `${RESEAL} seals it`);
  else if (!configured)
    terminal.tell(`sealed for ${who}, which the config does not name`, `${RESEAL} seals it without`);
  else if (kind === 'recovery') terminal.out(`sealed for ${who}: its private half opens it, with ${RECOVER}`);
  else if (opens === null) terminal.out(`sealed for ${who}: not tried; \`psi cache status --verify\` logs in`);
  else if (opens) terminal.out(`sealed for ${who}: opens`);
  else {
    terminal.out([`sealed for ${who}: `, painted('red', 'does not open')]);
    if (problem) terminal.fail(problem);
  }
}

export function hasProblem({ checks, problem }: KeyReport): boolean {
  return problem !== null || checks.some((check) => check.problem !== null);
}

export function outcomeLine(outcome: CacheOutcome): string {
  if (!outcome.saved) return `cache: not saved: ${outcome.reason}`;
  const dropped = outcome.dropped === 0 ? '' : `, ${String(outcome.dropped)} dropped`;
  return `cache: ${String(outcome.entries)} entries saved${dropped}`;
}
