// Wiring of the configured providers: source, decorators and resolver for each. Part of the composition root.

import { readFile } from 'node:fs/promises';
import { withBreaker } from './adapters/around/with-breaker.ts';
import { withThrottle } from './adapters/around/with-throttle.ts';
import { createInfisicalSource, SUPPORTED_METHODS } from './adapters/infisical/source.ts';
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
};

/** Connects to nothing: tokens and connections come with the first call. */
export async function composeProviders(config: Config, deps: ProviderDeps): Promise<Providers> {
  const sources = new Map<string, SecretSource>();
  const resolvers = new Map<string, Resolver>();
  for (const [name, provider] of config.providers) {
    const source = deps.metrics.countCalls(name, await infisical(config, name, provider, deps));
    sources.set(name, source);
    resolvers.set(name, new Resolver({ source, clock: deps.clock, countBeside: deps.countBeside }, config.lookup));
  }
  return { sources, resolvers };
}

async function infisical(
  config: Config,
  name: string,
  provider: InfisicalConfig,
  deps: ProviderDeps,
): Promise<SecretSource> {
  for (const [alias, { auth }] of provider.projects) {
    if (SUPPORTED_METHODS.some((method) => method === auth.method)) continue;
    throw new PsiError('CONFIG_INVALID', `project ${alias}: this version cannot log in with ${auth.method}`, {
      hint: `use one of: ${SUPPORTED_METHODS.join(', ')}`,
    });
  }
  const source = createInfisicalSource({
    ...provider,
    caCert: provider.caCert === undefined ? undefined : await readText(provider.caCert),
    clock: deps.clock,
    tokenStore: new TokenFiles({ stateDir: config.stateDir }),
    resolveSecret: (field: SecretField) => resolveSecret(field, { readFile, env: deps.env }),
    userAgent: `psi/${deps.version}`,
  });
  return withThrottle(withBreaker(source, { name, clock: deps.clock }), { name, clock: deps.clock });
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
