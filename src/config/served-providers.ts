// How units and commands of a host speak of the providers of a config.

import type { ProviderConfig } from '../provider/provider.ts';
import type { Config } from './config.ts';
import type { ProviderSection } from './provider-section.ts';

/** By its name in the config, its title, and the group of psi's commands about it. */
type Served = { readonly name: string; readonly title: string; readonly group: string };

export type ServedProviders = {
  readonly providers: readonly [Served, ...Served[]];
  /** The one that issues the certificates, or would. */
  readonly certifier: Served;
};

/** Where no provider is configured yet, as if there were one of the first kind. */
export function servedProviders(
  config: Pick<Config, 'providers'>,
  kinds: readonly [ProviderSection, ...ProviderSection[]],
): ServedProviders {
  // A provider that is added above it must not rename the units that a host has already.
  const isUsual = ({ name }: Served): boolean => name === kinds[0].kind;
  const served = [...config.providers]
    .map(([name, { kind }]) => servedAs(name, wordsOf(kind, kinds)))
    .toSorted((a, b) => Number(isUsual(b)) - Number(isUsual(a)));
  const [first = servedAs(kinds[0].kind, kinds[0].words), ...others] = served;
  const certifier = served.find(({ name }) => hasCertificates(config.providers.get(name)));
  return { providers: [first, ...others], certifier: certifier ?? first };
}

function hasCertificates(config: ProviderConfig | undefined): boolean {
  return (config?.certificates?.size ?? 0) > 0;
}

function wordsOf(kind: string, kinds: readonly [ProviderSection, ...ProviderSection[]]): ProviderSection['words'] {
  return (kinds.find((one) => one.kind === kind) ?? kinds[0]).words;
}

function servedAs(name: string, { title, group }: ProviderSection['words']): Served {
  return { name, title, group };
}
