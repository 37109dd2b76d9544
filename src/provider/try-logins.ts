// `psi infisical login`: each identity of the config, tried once. One that fails does not stop the others.

import { toPsiError, type ErrorCode } from '../core/error.ts';
import { EXIT, exitCode } from '../core/exit.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import { isoSeconds } from '../core/time.ts';
import type { ConfiguredIdentity } from './configured-identity.ts';

export type LoginResult = {
  readonly provider: string;
  readonly method: string;
  readonly who: string;
  readonly projects: readonly string[];
} & (
  | {
      readonly ok: true;
      /** When the token would end, in ISO 8601; null: nobody names an end. */
      readonly until: string | null;
    }
  | ({ readonly ok: false } & Failure)
);

export type LoginReport = {
  readonly logins: readonly LoginResult[];
  /** 0, or that of the worst failure. */
  readonly exit: number;
};

export async function tryLogins(providers: ReadonlyMap<string, readonly ConfiguredIdentity[]>): Promise<LoginReport> {
  const all = [...providers].flatMap(([provider, identities]) => identities.map((one) => tryOne(provider, one)));
  const logins = await Promise.all(all);
  return { logins, exit: worst(logins.flatMap((login) => (login.ok ? [] : [exitCode(login.code)]))) };
}

async function tryOne(provider: string, identity: ConfiguredIdentity): Promise<LoginResult> {
  const { method, who, projects } = identity;
  try {
    const { until } = await identity.tryLogin();
    return { provider, method, who, projects, ok: true, until: until === undefined ? null : isoSeconds(until) };
  } catch (thrown) {
    return { provider, method, who, projects, ok: false, ...failureOf(toPsiError(thrown)) };
  }
}

/** What somebody has to mend comes before what may pass by itself. */
const ORDER: readonly ErrorCode[] = ['INTERNAL', 'CONFIG_INVALID', 'PROVIDER_DENIED', 'PROVIDER_DOWN', 'THROTTLED'];

function worst(exits: readonly number[]): number {
  return ORDER.map(exitCode).find((exit) => exits.includes(exit)) ?? exits[0] ?? EXIT.DONE;
}
