// Which kinds of providers this PSI knows: a further one is its adapter and a line here. Part of the composition root.

import { infisicalSection } from '../adapters/infisical/config.ts';
import { providerKind, type ProviderKind } from '../config/provider-section.ts';

/** The first is what `psi install` writes units for while the config names no provider. */
export const PROVIDER_KINDS: readonly [ProviderKind, ...ProviderKind[]] = [
  providerKind(infisicalSection, () => import('../adapters/infisical/provider.ts')),
];
