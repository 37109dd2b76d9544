// `workloads:`: which units get which secrets.

import type * as t from 'io-ts';
import { isEnvName } from '../../core/naming.ts';
import type { SecretSpec, Workload } from '../../core/workload.ts';
import { listOr, mapOf, projectCheck, type Plain } from '../findings/check-parts.ts';
import type { Finding, Path } from '../findings/finding.ts';
import { suggest } from '../findings/hints.ts';
import * as f from '../schema/fields.ts';
import { choice } from '../schema/leaf.ts';
import * as names from '../schema/name-fields.ts';
import { folder } from '../schema/path-fields.ts';
import { listOf, mapSection, section } from '../schema/section.ts';
import { isRecord } from '../schema/shape.ts';

const source = section(
  { project: names.name },
  {
    path: folder,
    recursive: f.boolean,
    include: listOf(names.keyPattern),
    exclude: listOf(names.keyPattern),
    prefix: names.prefix,
    as: choice(['env', 'mount']),
    mode: f.mode,
    allow_empty: f.boolean,
  },
);

const workload = section(
  {},
  { provider: names.name, unit: names.unitFile, depends_on: listOf(names.unitName), secrets: listOf(source) },
);

export const workloadsCodec = mapSection(names.workloadName, workload, 'workload names');

export function assembleWorkloads(
  raw: t.TypeOf<typeof workloadsCodec>,
  providers: readonly string[],
): readonly Workload[] {
  return Object.entries(raw).map(([name, given]) => ({
    name,
    // The checks have made sure that a missing name means the only provider.
    provider: given.provider ?? providers[0] ?? '',
    unit: given.unit ?? `${name}.container`,
    dependsOn: given.depends_on ?? [],
    secrets: (given.secrets ?? []).map(assembleSource),
  }));
}

function assembleSource(raw: t.TypeOf<typeof source>): SecretSpec {
  return {
    project: raw.project,
    path: raw.path ?? '/',
    recursive: raw.recursive ?? false,
    include: raw.include ?? [],
    exclude: raw.exclude ?? [],
    prefix: raw.prefix ?? '',
    as: raw.as ?? 'env',
    // A variable has none: that it is there is a warning.
    mode: raw.as === 'mount' ? raw.mode : undefined,
    allowEmpty: raw.allow_empty ?? false,
  };
}

/** `supported`: names of the providers that are configured and of a known kind. */
export function workloadChecks(workloads: Plain, providers: Plain, supported: readonly string[]): readonly Finding[] {
  const findings: Finding[] = [];
  const units = new Map<string, string>();
  for (const [name, given] of Object.entries(workloads)) {
    const path = ['workloads', name];
    if (!isRecord(given)) continue;
    const unit = given['unit'] ?? `${name}.container`;
    if (typeof unit === 'string') {
      const other = units.get(unit);
      const at = given['unit'] === undefined ? path : [...path, 'unit'];
      if (other !== undefined) {
        findings.push({
          code: 'UNIT_TAKEN',
          path: at,
          expected: 'a unit of its own',
          got: `${unit}, which is the unit of ${other}`,
        });
      } else units.set(unit, name);
    }
    const provider = providerOf(given, supported);
    // One that is configured and not supported is reported where it is configured.
    if (provider === undefined && !Object.hasOwn(providers, String(given['provider']))) {
      const key = given['provider'] === undefined ? [] : ['provider'];
      const actual = given['provider'];
      findings.push({
        code: 'UNKNOWN_PROVIDER',
        path: [...path, ...key],
        expected: listOr(supported, 'a provider under providers'),
        ...(actual === undefined ? { got: 'no provider' } : { actual, visible: true }),
        suggestion: typeof actual === 'string' ? suggest(actual, supported) : undefined,
      });
    }
    const projects = provider === undefined ? undefined : Object.keys(mapOf(mapOf(providers[provider])['projects']));
    findings.push(...sourceChecks(given['secrets'], [...path, 'secrets'], projects));
  }
  return findings;
}

/** The provider's name if it is configured; without one the only provider there is. */
function providerOf(workload: Plain, names: readonly string[]): string | undefined {
  const given = workload['provider'];
  if (given === undefined) return names.length === 1 ? names[0] : undefined;
  return names.find((name) => name === given);
}

function sourceChecks(secrets: unknown, path: Path, projects: readonly string[] | undefined): readonly Finding[] {
  if (!Array.isArray(secrets)) return [];
  return (secrets as readonly unknown[]).flatMap((given, index) => {
    const source = mapOf(given);
    const at = [...path, index];
    const findings: Finding[] = [];
    if (projects !== undefined) findings.push(...projectCheck(source['project'], projects, [...at, 'project']));
    if (source['mode'] !== undefined && source['as'] !== 'mount') {
      findings.push({
        code: 'MODE_WITHOUT_MOUNT',
        path: [...at, 'mode'],
        expected: 'mode only with as: mount',
        got: 'mode of a variable',
      });
    }
    const prefix = source['prefix'];
    if (
      typeof prefix === 'string' &&
      prefix !== '' &&
      source['as'] !== 'mount' &&
      names.prefix.is(prefix) &&
      !isEnvName(prefix)
    ) {
      const expected = 'beginning of a variable name such as SHARED_';
      findings.push({ code: 'BAD_PREFIX', path: [...at, 'prefix'], expected, actual: prefix, visible: true });
    }
    return findings;
  });
}
