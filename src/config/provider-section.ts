// What a kind of provider brings to the config: how its entry of `providers:` is written, checked and read. Its adapter states it in one
// place, and the wiring hands it in: no room but the adapter knows which kinds there are.

import * as t from 'io-ts';
import { PsiError } from '../core/error.ts';
import type { ProviderWords } from '../core/provider-words.ts';
import type { Provider, ProviderConfig, ProviderTools } from '../provider/provider.ts';
import type { Plain } from './findings/check-parts.ts';
import type { Finding, Path } from './findings/finding.ts';

/** What an entry takes over from the top of the file. */
export type CommonSettings = { readonly caCert: string | undefined };

export type ProviderSection<C extends ProviderConfig = ProviderConfig> = {
  /** The word for `kind:`, and the name of an entry that does not say its kind. */
  readonly kind: string;
  readonly words: ProviderWords;
  /** Of an entry, without `kind` itself. Its projects stand under `projects`, by name. */
  readonly codec: t.Mixed;
  /** Parts of the codec that stand in many places, with their names in the JSON Schema. */
  readonly shared: ReadonlyMap<t.Mixed, string>;
  /** Of an entry as it was read, and the place where it stands. */
  readonly checks: (entry: Plain, at: Path) => readonly Finding[];
  /** An entry that was decoded and checked before. */
  readonly read: (entry: unknown, common: CommonSettings) => C;
  readonly isOwn: (config: ProviderConfig) => config is C;
};

export function providerSection<A, O, C extends ProviderConfig>(parts: {
  readonly kind: C['kind'];
  readonly words: ProviderWords;
  readonly codec: t.Type<A, O>;
  readonly shared?: ReadonlyMap<t.Mixed, string>;
  readonly checks?: (entry: Plain, at: Path) => readonly Finding[];
  readonly assemble: (raw: A, common: CommonSettings) => C;
}): ProviderSection<C> {
  const { kind, words, codec, shared = new Map(), checks = () => [], assemble } = parts;
  return {
    ...{ kind, words, codec, shared, checks },
    read: (entry, common) => {
      const decoded = codec.decode(entry);
      if (decoded._tag === 'Left') throw new PsiError('INTERNAL', `a provider of kind ${kind} was not decoded before`);
      return assemble(decoded.right, common);
    },
    isOwn: (config): config is C => config.kind === kind,
  };
}

/** A kind as the wiring has it: its part of the config, and what opens such a provider. */
export type ProviderKind = ProviderSection & {
  /** Connects to nothing yet. */
  readonly open: (config: ProviderConfig, tools: ProviderTools) => Promise<Provider>;
};

/** What opens a provider is loaded when one is opened: reading a config must not pay for it. */
export function providerKind<C extends ProviderConfig>(
  section: ProviderSection<C>,
  load: () => Promise<{ readonly openProvider: (config: C, tools: ProviderTools) => Promise<Provider> }>,
): ProviderKind {
  return {
    ...section,
    open: async (config, tools) => {
      if (!section.isOwn(config)) throw notOfKind(config.kind, [section]);
      return await (await load()).openProvider(config, tools);
    },
  };
}

/** Opens one by its kind. */
export function openProvider(
  kinds: readonly ProviderKind[],
  config: ProviderConfig,
  tools: ProviderTools,
): Promise<Provider> {
  const found = kinds.find(({ kind }) => kind === config.kind);
  return found ? found.open(config, tools) : Promise.reject(notOfKind(config.kind, kinds));
}

function notOfKind(kind: string, kinds: readonly ProviderSection[]): PsiError {
  const known = kinds.map((one) => one.kind).join(', ');
  return new PsiError('INTERNAL', `no provider of kind ${kind} can be opened here, but of ${known}`);
}
