// A provider in memory: the fake source and writer, under words that no adapter has.

import type { ProviderWords } from '../../src/core/provider-words.ts';
import type { HostLayout } from '../../src/host/layout.ts';
import type { Provider } from '../../src/provider/provider.ts';
import { FakeSecretSource } from './secret-source.fake.ts';
import { FakeSecretWriter } from './secret-writer.fake.ts';

export const WORDS: ProviderWords = {
  title: 'Vault',
  name: 'vault',
  group: 'vault',
  rights: { readValues: 'Look', readKeys: 'Look at keys' },
};

export class FakeProvider implements Provider {
  readonly words = WORDS;
  readonly source = new FakeSecretSource();
  readonly writer = new FakeSecretWriter(this.source);
  readonly authority = undefined;
  closed = false;

  readonly identities = (): readonly [] => [];

  readonly close = (): void => {
    this.closed = true;
  };
}

const ONE = { name: 'infisical', title: 'Infisical', group: 'infisical' } as const;

/** A host with the provider that PSI always had. */
export const SERVED: Pick<HostLayout, 'providers' | 'certifier'> = { providers: [ONE], certifier: ONE };
