// Which kinds of providers this PSI knows: a further one is its adapter and a line here. Part of the composition root.

import { infisicalSection } from '../adapters/infisical/config.ts';
import { providerKind, type ProviderKind } from '../config/provider-section.ts';

export const PROVIDER_KINDS: readonly ProviderKind[] = [
  providerKind(infisicalSection, () => import('../adapters/infisical/provider.ts')),
];
