// Wiring of the configured providers: source, decorators and reader for each. Part of the composition root.

import { readFile } from 'node:fs/promises';
import { withBreaker } from '../provider/with-breaker.ts';
import { withThrottle } from '../provider/with-throttle.ts';
import { createConnection, type Connection, type ConnectionDeps } from '../adapters/infisical/connection.ts';
import { createInfisicalSource } from '../adapters/infisical/source.ts';
import { TokenFiles } from '../adapters/files/token-file.ts';
import { composeLoginTools } from './login-tools.ts';
import type { Config, InfisicalConfig, TokenSource } from '../config/config.ts';
import { PsiError } from '../core/error.ts';
import type { Mapping } from '../core/mapping.ts';
import type { Clock } from '../core/clock.ts';
import type { SecretSource } from '../provider/secret-source.ts';
import { BatchedReader } from '../lookup/batching.ts';
import type { Metrics } from '../service/metrics.ts';
import type { Providers } from '../service/running-config.ts';

export type ProviderDeps = {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly countBeside: (mapping: Mapping) => number;
};

/** Connects to nothing: tokens and connections come with the first call. */
export async function composeProviders(config: Config, deps: ProviderDeps): Promise<Providers> {
  const sources = new Map<string, SecretSource>();
  const readers = new Map<string, BatchedReader>();
  const closers: (() => void)[] = [];
  for (const [name, provider] of config.providers) {
    const connection = await composeConnection(config, provider, deps);
    const guarded = withThrottle(withBreaker(createInfisicalSource(connection), { name, clock: deps.clock }), {
      name,
      clock: deps.clock,
    });
    const source = deps.metrics.countCalls(name, guarded);
    const reader = new BatchedReader({ source, clock: deps.clock, countBeside: deps.countBeside }, config.lookup);
    sources.set(name, source);
    readers.set(name, reader);
    closers.push(() => {
      reader.close();
      connection.close();
    });
  }
  return {
    sources,
    readers,
    close: () => {
      for (const close of closers) close();
    },
  };
}

/** To one Infisical, for lookups and for the commands that have a process of their own. Connects with the first call. */
export async function composeConnection(
  config: Config,
  provider: InfisicalConfig,
  deps: Pick<ProviderDeps, 'clock' | 'env' | 'version'>,
): Promise<Connection> {
  return createConnection(await connectionDeps(config, provider, deps));
}

/** The same settings, for those who log in without a connection. */
export async function connectionDeps(
  config: Config,
  provider: InfisicalConfig,
  deps: Pick<ProviderDeps, 'clock' | 'env' | 'version'>,
): Promise<ConnectionDeps<TokenSource>> {
  return {
    ...provider,
    ...composeLoginTools(config, deps.env),
    caCert: provider.caCert === undefined ? undefined : await readText(provider.caCert),
    clock: deps.clock,
    tokenStore: new TokenFiles({ stateDir: config.stateDir }),
    userAgent: `psi/${deps.version}`,
  };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new PsiError('CONFIG_INVALID', `cannot read ca_cert ${path}`, {
      hint: 'in the container only mounted folders are there: put the file below /etc/psi',
      cause,
    });
  }
}
