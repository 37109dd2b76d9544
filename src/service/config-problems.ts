// What people are told of a config that the service does not run with, and of what it refers to. Words alone: where they are shown is for
// others (status, health check, log, lookups).

import type { Config } from '../config/config.ts';
import type { IssueCode } from '../config/findings/hints.ts';
import { firstError, issueText } from '../config/findings/issue.ts';
import { handedOver } from '../config/places.ts';
import type { Env } from '../config/surroundings.ts';
import { PsiError } from '../core/error.ts';
import { PLACE_VARIABLES, type Places } from '../core/places.ts';
import { isoSeconds } from '../core/time.ts';
import type { SocketToken } from './socket-token.ts';
import type { Origin } from './starting-config.ts';

/** The config file as it is now, where the service does not run with it. */
export type Refused = {
  readonly error: PsiError;
  /** Of the file, ms since the epoch; undefined: it has none, such as one that is not there. */
  readonly changedAt: number | undefined;
  /** When this was found. */
  readonly seenAt: number;
};

/** There is nothing to point at in them. */
const WHOLE_FILE: readonly IssueCode[] = ['NO_FILE', 'UNREADABLE', 'NOT_UTF8', 'EMPTY_FILE'];

const CHECK = 'run `podman exec psi psi check`';

const GOES_ON: Readonly<Record<Origin, string>> = {
  file: 'psi goes on with the config of before',
  'last-good': 'psi goes on with the last good config; setup changes nothing meanwhile',
  nothing: 'psi has no config to work with and answers no lookup',
};

/** For status and log. */
export function refusalProblem({ error, changedAt, seenAt }: Refused, origin: Origin): PsiError {
  const since = [
    ...(changedAt === undefined ? [] : [`changed ${isoSeconds(changedAt)}`]),
    `seen ${isoSeconds(seenAt)}`,
  ];
  const message = `the config is not used: ${reasonOf(error)} (${since.join(', ')}); ${GOES_ON[origin]}`;
  return new PsiError('CONFIG_INVALID', message, { hint: remedyOf(error) });
}

/** For a setup that is refused: the findings themselves stand beside it. */
export function goesOn(origin: Origin): { readonly consequence: string; readonly hint: string } {
  return { consequence: GOES_ON[origin], hint: `mend the file and ${CHECK}, then run this again` };
}

/** For lookups: short enough for their one line. */
export function withoutConfig({ error }: Refused): PsiError {
  return new PsiError('CONFIG_INVALID', `psi has no config to work with: ${reasonOf(error)}`, {
    hint: remedyOf(error),
  });
}

function reasonOf(error: PsiError): string {
  const first = firstError(error);
  return first === undefined || WHOLE_FILE.includes(first.code) ? error.message : issueText(first);
}

function remedyOf(error: PsiError): string {
  const first = firstError(error);
  return first === undefined ? (error.hint ?? CHECK) : `${CHECK}; ${first.hint}`;
}

export function tokenProblem({ value, problem }: SocketToken): PsiError | undefined {
  if (!problem) return undefined;
  const meanwhile = value
    ? 'meanwhile the one that lookups send is asked for'
    : 'the header file holds none either, so all requests are refused';
  return new PsiError('CONFIG_INVALID', `the socket token cannot be used: ${problem.message}; ${meanwhile}`, {
    ...(problem.hint !== undefined && { hint: problem.hint }),
  });
}

/** Where the unit names another place than the config: PSI would look there while it cannot read its config. */
export function placeProblems(config: Places & Pick<Config, 'file'>, env: Env): readonly PsiError[] {
  const places = Object.entries(handedOver(env)) as readonly (readonly [keyof Places, string])[];
  return places
    .filter(([place, path]) => path !== config[place])
    .map(
      ([place, path]) =>
        new PsiError(
          'CONFIG_INVALID',
          `psi.container names ${path} as ${PLACE_VARIABLES[place]}, ${config.file} ${config[place]}`,
          {
            hint: 'write the units anew: `psi systemd install` as for the installation (README), then `systemctl daemon-reload` and `systemctl restart psi.service`',
          },
        ),
    );
}
