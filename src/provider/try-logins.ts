// Each identity of the config, tried once by people. One that fails does not stop the others.

import { toPsiError, type ErrorCode } from '../core/error.ts';
import { EXIT, exitCode } from '../core/exit.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import { isoSeconds } from '../core/time.ts';
import type { ConfiguredIdentity } from './configured-identity.ts';
import { closeAll, openAll } from './opened.ts';
import type { Provider } from './provider.ts';

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

/** Those of all providers, each opened for this alone. */
export async function tryLoginsOf<C>(
  configured: ReadonlyMap<string, C>,
  open: (name: string, config: C) => Promise<Provider>,
): Promise<LoginReport> {
  const opened = await openAll(configured, open);
  try {
    return await tryLogins(new Map([...opened].map(([name, provider]) => [name, provider.identities()])));
  } finally {
    closeAll(opened);
  }
}

async function tryLogins(providers: ReadonlyMap<string, readonly ConfiguredIdentity[]>): Promise<LoginReport> {
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
