// The step of a setup that comes before all else, whatever the run is about: what a replace that was cut short left gone keeps its workload
// from starting.

import type { CommandsOfNow, Replaces } from './replaces.ts';
import { runPart, type RunPart } from './run-report.ts';
import { isFiltered, type SetupRequest } from './setup-run.ts';

export async function finishStep(
  replaces: Pick<Replaces, 'finish' | 'forgetUnread' | 'unfinished' | 'unread'>,
  target: CommandsOfNow,
  request: SetupRequest,
): Promise<RunPart> {
  const { unfinished, unread } = replaces;
  if (request.dryRun) return runPart({ notes: unfinished.length === 0 ? [] : [toBeFinished(unfinished)] });
  const { made, failed } = await replaces.finish(target);
  const whole = unread !== undefined && !isFiltered(request);
  // The run goes over all that the config has.
  if (whole) await replaces.forgetUnread();
  const notes = [...(made.length === 0 ? [] : [madeAgain(made)]), ...(whole ? [unread.message] : [])];
  return runPart({ notes, failures: failed });
}

function madeAgain(names: readonly string[]): string {
  return `podman had lost in the middle of a replace, and has again: ${firstOf(names)}`;
}

function toBeFinished(names: readonly string[]): string {
  return `replaces were cut short: setup creates again, before all else, what podman has lost of ${firstOf(names)}`;
}

const MOST_NAMED = 10;

export function firstOf(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  return `${names.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${String(more)} more` : ''}`;
}
