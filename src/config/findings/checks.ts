// What depends on two places of the file at once. Works on the plain values as they were read, so that these problems are reported
// together with those of single fields; what has the wrong type is passed over here, because its own field reports it.

import type { ProviderSection } from '../provider-section.ts';
import { isRecord } from '../schema/shape.ts';
import { cacheChecks } from '../sections/cache.ts';
import { OWN_SECTIONS, ownChecks, ownNames } from '../sections/own-providers.ts';
import { providerChecks, supportedNames } from '../sections/providers.ts';
import { workloadChecks } from '../sections/workloads.ts';
import { mapOf, samePlace } from './check-parts.ts';
import type { Finding } from './finding.ts';

export function crossChecks(value: unknown, kinds: readonly ProviderSection[]): readonly Finding[] {
  const root = mapOf(value);
  const providers = mapOf(root['providers']);
  const supported = supportedNames(providers, kinds);
  return [
    ...providerChecks(providers, [...kinds, ...OWN_SECTIONS]),
    ...ownChecks(root),
    // A `providers` of the wrong type is one problem, not one for each workload.
    ...(isRecord(root['providers'] ?? {})
      ? workloadChecks(mapOf(root['workloads']), providers, { supported, own: ownNames(providers) })
      : []),
    ...cacheChecks(mapOf(root['cache'])),
    ...samePlace(root, [['socket'], ['control_socket']]),
  ];
}
