// Wiring of the configured providers: source, decorators and reader for each. Part of the composition root.

import { readBounded } from '../adapters/files/file-calls.ts';
import { TokenFiles } from '../adapters/files/token-file.ts';
import type { Config } from '../config/config.ts';
import { openProvider } from '../config/provider-section.ts';
import type { Clock } from '../core/clock.ts';
import type { Fetched } from '../core/fetched.ts';
import type { Mapping } from '../core/mapping.ts';
import { BatchedReader } from '../lookup/batching.ts';
import { AnswersInFlight } from '../provider/answers-in-flight.ts';
import { openedOrLater } from '../provider/opened.ts';
import type { Provider, ProviderConfig, ProviderTools } from '../provider/provider.ts';
import { withBreaker } from '../provider/with-breaker.ts';
import { withPlaceTurns } from '../provider/with-place-turns.ts';
import { withThrottle } from '../provider/with-throttle.ts';
import type { Metrics } from '../service/metrics.ts';
import { openProviders } from '../service/open-providers.ts';
import type { Providers } from '../service/running-config.ts';
import { composeSecretReading } from './secret-reading.ts';
import { PROVIDER_KINDS } from './provider-kinds.ts';

export type ProviderDeps = {
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** One for the process: left out by a command that asks one provider. */
  readonly answers?: AnswersInFlight;
};

export type ServedDeps = ProviderDeps & {
  readonly metrics: Metrics;
  readonly countBeside: (mapping: Mapping) => number;
  readonly known: (mapping: Mapping) => Fetched | undefined;
};

/** For lookups and setup. Connects to nothing: tokens and connections come with the first call. */
export function composeProviders(config: Config, deps: ServedDeps): Promise<Providers> {
  const { clock, metrics, countBeside, known } = deps;
  return openProviders(config, async (name, configured) => {
    const provider = await openedOrLater(() => composeProvider(config, configured, deps));
    const { probe, problem } = provider;
    const inTurn = withPlaceTurns(provider.source, { name });
    const answers = withBreaker(inTurn, { name, clock, probe });
    const source = metrics.countCalls(name, withThrottle(answers, { name, clock }));
    const reader = new BatchedReader({ source, clock, countBeside, known }, config.lookup);
    return {
      source,
      reader,
      problem,
      answers,
      close: () => {
        reader.close();
        provider.close();
      },
    };
  });
}

/** One of the config's, bare: for the commands that have a process of their own. */
export function composeProvider(config: Config, provider: ProviderConfig, deps: ProviderDeps): Promise<Provider> {
  const { clock, env, version, answers = new AnswersInFlight() } = deps;
  const tools: ProviderTools = {
    ...{ clock, env, version },
    answers: answers.upTo(config.limits.answerBytes),
    ...composeSecretReading(config, deps.env),
    readFile: readBounded,
    tokenStore: new TokenFiles({ stateDir: config.stateDir }),
  };
  return openProvider(PROVIDER_KINDS, provider, tools);
}
