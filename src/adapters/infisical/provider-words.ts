// How messages of other rooms speak of Infisical.

import type { ProviderWords } from '../../core/provider-words.ts';

export const INFISICAL_WORDS: ProviderWords = {
  title: 'Infisical',
  name: 'infisical',
  group: 'infisical',
  rights: { readValues: 'Read Value', readKeys: 'read-private-key' },
};
