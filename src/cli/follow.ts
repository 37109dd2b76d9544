// A command that the service works on for long: its events as they come, and its end where the caller ends it. The service is asked to end the
// run then and tells what was done; a command that just went away would end it as well, and nobody would know.

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { LocatedIssue } from '../config/findings/issue.ts';
import type { Failure } from '../core/failure.ts';
import type { ControlClient } from '../faces/control/client.ts';
import type { SetupEvent } from '../registration/setup-events.ts';
import type { CallersEnd } from './caller.ts';
import { endedEarly, failedAnswer, thrownAnswer, type Cli, type Ending } from './command.ts';
import { processProgress } from './progress.ts';

export type LongCommand<Event> = {
  /** Without `psi`. */
  readonly name: string;
  readonly path: string;
  readonly body: object;
  readonly json: boolean;
  /** An ending: it was the last event. Text: what it is at now. */
  readonly on: (event: Event) => Ending | string | undefined;
  /** Ends the command, and not what the service does. */
  readonly until?: Promise<Ending>;
};

/** The whole end has to come within five seconds. */
const END_MS = 4_000;

/** Events that all long commands have are dealt with here. */
export async function follow<Event extends { readonly event: string }>(
  cli: Cli,
  client: ControlClient,
  command: LongCommand<Event>,
): Promise<Ending> {
  const { path, body, json, until, name } = command;
  const done = new AbortController();
  const progress = processProgress(cli.terminal, json);
  const run = randomUUID();
  const show = (line: unknown): Ending | undefined => {
    const event = line as Event;
    const heard = common(cli, event) ?? command.on(event);
    if (typeof heard !== 'string') return heard;
    progress.show(heard);
    return undefined;
  };
  try {
    const ends = cli.caller.ends(done.signal);
    const answer = lastOf(client.stream(path, { ...body, run }), show).catch((thrown: unknown) =>
      thrownAnswer(cli, thrown),
    );
    const first = await Promise.race([answer, ends, ...(until ? [until] : [])]);
    if ('print' in first) return first;
    // Without it the service sees the end of the connection, and ends the run.
    if (first.gone) return { exit: first.exit, print: () => undefined };
    void client.post('/end', { run, why: first.why }).catch(() => undefined);
    const late = pause(END_MS, undefined, { signal: done.signal }).catch(() => undefined);
    const again = cli.caller.ends(done.signal).then(() => undefined);
    const last = await Promise.race([answer, late, again]);
    return { ...(last ?? failedAnswer(cli, untold(name, first, progress.text))), exit: first.exit };
  } finally {
    done.abort();
    progress.end();
  }
}

async function lastOf(events: AsyncGenerator, show: (line: unknown) => Ending | undefined): Promise<Ending> {
  for await (const line of events) {
    const ending = show(line);
    if (ending) return ending;
  }
  throw endedEarly();
}

function common(cli: Cli, happened: { readonly event: string }): Ending | string | undefined {
  const event = happened as SetupEvent;
  switch (event.event) {
    case 'error':
      return failedAnswer(cli, { ...event, issues: event.issues as readonly LocatedIssue[] | undefined });
    case 'waiting':
      cli.terminal.error(event.message);
      return 'waiting for another setup';
    case 'reloading':
      return 'systemd reads the units again';
    default:
      return undefined;
  }
}

/** The service is at something that it cannot leave half done, such as a call of Podman. It ends after that. */
function untold(
  name: string,
  { why, exit }: CallersEnd,
  at: string,
): { readonly failure: Failure; readonly exit: number } {
  const where = at === '' ? 'before it had begun' : `at: ${at}`;
  return {
    exit,
    failure: {
      code: 'DEADLINE',
      message: `${name} was ended (${why}) ${where}; psi did not say in time what was done`,
      hint: `\`podman exec psi psi status\` tells; run \`podman exec psi psi ${name}\` again: it goes on where it was`,
    },
  };
}
