// Wiring of the configured providers: source, decorators and resolver for each. Part of the composition root.

import { readFile } from 'node:fs/promises';
import { withBreaker } from './adapters/around/with-breaker.ts';
import { withThrottle } from './adapters/around/with-throttle.ts';
import { createConnection, type Connection } from './adapters/infisical/connection.ts';
import { SUPPORTED_METHODS } from './adapters/infisical/auth/methods.ts';
import { createInfisicalSource } from './adapters/infisical/source.ts';
import { TokenFiles } from './adapters/fs/token-file.ts';
import type { Config, InfisicalConfig, SecretField } from './config/config.ts';
import { resolveSecret } from './config/secret-field.ts';
import { PsiError } from './core/error.ts';
import type { Mapping } from './core/mapping.ts';
import type { Clock } from './ports/clock.ts';
import type { SecretSource } from './ports/secret-source.ts';
import { Resolver } from './usecases/resolve.ts';
import type { Metrics } from './observe/metrics.ts';

export type ProviderDeps = {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly countBeside: (mapping: Mapping) => number;
};

export type Providers = {
  readonly sources: ReadonlyMap<string, SecretSource>;
  readonly resolvers: ReadonlyMap<string, Resolver>;
  /** Ends connections and timers. Calls under way still finish. */
  readonly close: () => void;
};

/** Connects to nothing: tokens and connections come with the first call. */
export async function composeProviders(config: Config, deps: ProviderDeps): Promise<Providers> {
  const sources = new Map<string, SecretSource>();
  const resolvers = new Map<string, Resolver>();
  const closers: (() => void)[] = [];
  for (const [name, provider] of config.providers) {
    const connection = await composeConnection(config, provider, deps);
    const guarded = withThrottle(withBreaker(createInfisicalSource(connection), { name, clock: deps.clock }), {
      name,
      clock: deps.clock,
    });
    const source = deps.metrics.countCalls(name, guarded);
    const resolver = new Resolver({ source, clock: deps.clock, countBeside: deps.countBeside }, config.lookup);
    sources.set(name, source);
    resolvers.set(name, resolver);
    closers.push(() => {
      resolver.close();
      connection.close();
    });
  }
  return {
    sources,
    resolvers,
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
  for (const [alias, { auth }] of provider.projects) {
    if (SUPPORTED_METHODS.some((method) => method === auth.method)) continue;
    throw new PsiError('CONFIG_INVALID', `project ${alias}: this version cannot log in with ${auth.method}`, {
      hint: `use one of: ${SUPPORTED_METHODS.join(', ')}`,
    });
  }
  return createConnection({
    ...provider,
    caCert: provider.caCert === undefined ? undefined : await readText(provider.caCert),
    clock: deps.clock,
    tokenStore: new TokenFiles({ stateDir: config.stateDir }),
    resolveSecret: (field: SecretField) => resolveSecret(field, { readFile, env: deps.env }),
    userAgent: `psi/${deps.version}`,
  });
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
