// `workloads:`: which units get which secrets.

import * as t from 'io-ts';
import { isEnvName, printable } from '../../core/naming.ts';
import {
  claimOf,
  MAX_OWNER,
  type KeyUses,
  type SecretSpec,
  type SecretUse,
  type Workload,
} from '../../core/workload.ts';
import {
  holdsPlaceholder,
  PATTERN_NAME,
  PLACEHOLDER,
  placedIn,
  type WorkloadPattern,
} from '../../core/workload-pattern.ts';
import { listOr, mapOf, projectCheck, type Plain } from '../findings/check-parts.ts';
import type { Finding, Path } from '../findings/finding.ts';
import { suggest } from '../findings/hints.ts';
import * as f from '../schema/fields.ts';
import { choice } from '../schema/leaf.ts';
import * as names from '../schema/name-fields.ts';
import { fileTarget, folder } from '../schema/path-fields.ts';
import { listOf, mapSection, section } from '../schema/section.ts';
import { isRecord } from '../schema/shape.ts';

const owner = f.integer(0, MAX_OWNER);

const rights = { mode: f.mode, uid: owner, gid: owner };

const file = section({ file: fileTarget }, rights);

const use = t.union([names.variable, file], 'name of a variable, or {file: ...}');

const uses = t.union([names.variable, file, listOf(use)], 'name of a variable, {file: ...}, or a list of them');

const source = section(
  { project: names.name },
  {
    path: folder,
    recursive: f.boolean,
    include: listOf(names.keyPattern),
    exclude: listOf(names.keyPattern),
    prefix: names.prefix,
    as: choice(['env', 'mount']),
    ...rights,
    keys: mapSection(names.providerKey, uses, 'keys'),
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
): { readonly workloads: readonly Workload[]; readonly pattern: WorkloadPattern | undefined } {
  const common = (given: RawWorkload): WorkloadPattern => ({
    // The checks have made sure that a missing name means the only provider.
    provider: given.provider ?? providers[0] ?? '',
    dependsOn: given.depends_on ?? [],
    secrets: (given.secrets ?? []).flatMap(assembleSource),
  });
  const { [PATTERN_NAME]: pattern, ...named } = raw;
  return {
    workloads: Object.entries(named).map(([name, given]) => {
      return { name, unit: given.unit ?? `${name}.container`, ...common(given) };
    }),
    pattern: pattern && common(pattern),
  };
}

type RawWorkload = t.TypeOf<typeof workload>;

type RawSource = t.TypeOf<typeof source>;

function assembleSource({ keys, ...raw }: RawSource): readonly SecretSpec[] {
  const spec = wholeFolder(raw);
  return keys === undefined ? [spec] : entriesOf(keys).map((some) => ({ ...spec, keys: some }));
}

function wholeFolder(raw: Omit<RawSource, 'keys'>): SecretSpec {
  return {
    project: raw.project,
    path: raw.path ?? '/',
    recursive: raw.recursive ?? false,
    include: raw.include ?? [],
    exclude: raw.exclude ?? [],
    prefix: raw.prefix ?? '',
    as: raw.as ?? 'env',
    // A variable has no rights: that they are there is a warning.
    ...(raw.as === 'mount' ? rightsOf(raw) : { mode: undefined }),
    allowEmpty: raw.allow_empty ?? false,
  };
}

type Rights = Pick<SecretUse, 'mode' | 'uid' | 'gid'>;

function rightsOf({ mode, uid, gid }: Rights): Rights & Pick<SecretSpec, 'mode'> {
  return { mode, ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
}

/**
 * Podman keeps one file for each of its secrets, with one mode and one owner, however often it is mounted. So files of one key that differ in
 * these are secrets of their own: each entry of the result names a key once.
 */
function entriesOf(keys: NonNullable<RawSource['keys']>): readonly (readonly KeyUses[])[] {
  const rounds: KeyUses[][] = [];
  for (const [key, given] of Object.entries(keys)) {
    for (const [round, some] of apartByRights(usesOf(given)).entries())
      (rounds[round] ??= []).push({ key, uses: some });
  }
  return rounds;
}

function usesOf(given: t.TypeOf<typeof uses>): readonly SecretUse[] {
  const list: readonly t.TypeOf<typeof use>[] = typeof given === 'object' && 'length' in given ? given : [given];
  return list.map((one) =>
    typeof one === 'string'
      ? { kind: 'env', target: one, mode: undefined }
      : { kind: 'mount', target: one.file, ...rightsOf(one) },
  );
}

function apartByRights(all: readonly SecretUse[]): readonly (readonly SecretUse[])[] {
  const files = Map.groupBy(
    all.filter(({ kind }) => kind === 'mount'),
    ({ mode, uid, gid }) => JSON.stringify([mode, uid, gid]),
  );
  const [first = [], ...rest] = files.values();
  return [[...all.filter(({ kind }) => kind === 'env'), ...first], ...rest];
}

/** Names of the providers that are configured and of a known kind. `own`: those whose values are on this host. */
export type KnownProviders = { readonly supported: readonly string[]; readonly own: readonly string[] };

export function workloadChecks(
  workloads: Plain,
  providers: Plain,
  { supported, own }: KnownProviders,
): readonly Finding[] {
  const findings: Finding[] = [];
  const units = new Map<string, string>();
  for (const [name, given] of Object.entries(workloads)) {
    const path = ['workloads', name];
    findings.push(...placeholderChecks(name, given, path));
    if (!isRecord(given)) continue;
    const unit = given['unit'] ?? `${name}.container`;
    if (name === PATTERN_NAME) findings.push(...patternChecks(given, path));
    else if (typeof unit === 'string') {
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
    findings.push(...ownChecks(given['provider'], own, [...path, 'provider']));
    const projects = provider === undefined ? undefined : Object.keys(mapOf(mapOf(providers[provider])['projects']));
    findings.push(...sourceChecks(given['secrets'], [...path, 'secrets'], projects));
    findings.push(...claimChecks(given['secrets'], [...path, 'secrets']));
  }
  return findings;
}

function ownChecks(provider: unknown, own: readonly string[], path: Path): readonly Finding[] {
  if (typeof provider !== 'string' || !own.includes(provider)) return [];
  return [{ code: 'OWN_PROVIDER', path, expected: 'a provider with projects', actual: provider, visible: true }];
}

/** The pattern has no unit of its own, and only the folder of a workload tells which quadlets it holds for. */
function patternChecks({ unit, secrets = [] }: Plain, path: Path): readonly Finding[] {
  const findings: Finding[] = [];
  if (unit !== undefined) {
    const got = 'the unit of "*"';
    findings.push({ code: 'UNIT_OF_PATTERN', path: [...path, 'unit'], atKey: true, expected: 'no unit', got });
  }
  if (!Array.isArray(secrets)) return findings;
  const paths = (secrets as readonly unknown[]).map((source) => mapOf(source)['path']);
  if (!paths.some((one) => typeof one === 'string' && holdsPlaceholder(one))) {
    const expected = `a source with ${PLACEHOLDER} in its path`;
    findings.push({ code: 'NO_PLACEHOLDER', path: [...path, 'secrets'], atKey: true, expected, got: 'none' });
  }
  for (const [index, one] of paths.entries()) {
    if (typeof one !== 'string' || !/[{}]/.test(placedIn(one, 'name'))) continue;
    const at = [...path, 'secrets', index, 'path'];
    findings.push({
      code: 'UNKNOWN_PLACEHOLDER',
      path: at,
      expected: `no braces but ${PLACEHOLDER}`,
      actual: one,
      visible: true,
    });
  }
  return findings;
}

/** Anywhere but in a path of the pattern it would be a text like any other, which nobody means. */
function placeholderChecks(name: string, given: unknown, path: Path): readonly Finding[] {
  return textsIn(given, path).flatMap(({ text, at }): readonly Finding[] => {
    const ofPattern = name === PATTERN_NAME && at.length === 5 && at[2] === 'secrets' && at[4] === 'path';
    if (ofPattern || !holdsPlaceholder(text)) return [];
    const expected = `${PLACEHOLDER} only in a path of "*"`;
    return [{ code: 'PLACEHOLDER_ELSEWHERE', path: at, expected, actual: text, visible: true }];
  });
}

function textsIn(value: unknown, at: Path): readonly { readonly text: string; readonly at: Path }[] {
  if (typeof value === 'string') return [{ text: value, at }];
  if (Array.isArray(value)) {
    return (value as readonly unknown[]).flatMap((one, index) => textsIn(one, [...at, index]));
  }
  return Object.entries(mapOf(value)).flatMap(([key, one]) => textsIn(one, [...at, key]));
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
    findings.push(...(source['keys'] === undefined ? rightsChecks(source, at) : keysChecks(source, at)));
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

function rightsChecks(source: Plain, at: Path): readonly Finding[] {
  if (source['as'] === 'mount') return [];
  return Object.keys(rights).flatMap((word): readonly Finding[] => {
    if (source[word] === undefined) return [];
    const expected = `${word} only with as: mount`;
    return [{ code: 'MODE_WITHOUT_MOUNT', path: [...at, word], expected, got: `${word} of a variable` }];
  });
}

/** What says something of a folder as a whole, or of all its secrets alike. */
const OF_FOLDERS = ['recursive', 'include', 'exclude', 'prefix', 'as', ...Object.keys(rights), 'allow_empty'];

function keysChecks(source: Plain, at: Path): readonly Finding[] {
  const beside = OF_FOLDERS.filter((word) => source[word] !== undefined).map((word): Finding => {
    const expected = 'project, path and keys alone';
    return { code: 'KEYS_ALONE', path: [...at, word], atKey: true, expected, got: `${word} beside keys` };
  });
  const entries = Object.entries(mapOf(source['keys']));
  const nothing = (path: Path, what: string): Finding => {
    return { code: 'NO_KEYS', path, expected: `at least one ${what}`, got: 'none' };
  };
  return [
    ...beside,
    ...(isRecord(source['keys']) && entries.length === 0 ? [nothing([...at, 'keys'], 'key')] : []),
    ...entries.flatMap(([key, uses]) =>
      Array.isArray(uses) && uses.length === 0 ? [nothing([...at, 'keys', key], 'variable or file')] : [],
    ),
  ];
}

type Claim = { readonly what: string; readonly at: Path };

/** Two entries of one workload for one variable or one file: both places are named. */
function claimChecks(secrets: unknown, path: Path): readonly Finding[] {
  const sources = Array.isArray(secrets) ? (secrets as readonly unknown[]) : [];
  const claims = sources.flatMap((given, index) => {
    const keys = Object.entries(mapOf(mapOf(given)['keys']));
    return keys.flatMap(([key, one]) => claimsOf(one, [...path, index, 'keys', key]));
  });
  const byWhat = Map.groupBy(claims, ({ what }) => what);
  return [...byWhat].flatMap(([what, same]) =>
    same.flatMap(({ at }): readonly Finding[] => {
      const other = same.find((one) => one.at !== at);
      if (!other) return [];
      const got = `${printable(what)}, which ${printable(other.at.join('.'))} has too`;
      return [{ code: 'TARGET_TAKEN', path: at, expected: 'a variable or a file of its own', got }];
    }),
  );
}

function claimsOf(given: unknown, at: Path): readonly Claim[] {
  if (Array.isArray(given)) {
    return (given as readonly unknown[]).flatMap((one, index) => claimsOf(one, [...at, index]));
  }
  if (typeof given === 'string') return [{ what: claimOf({ kind: 'env', target: given }), at }];
  const target = fileTarget.decode(mapOf(given)['file']);
  if (target._tag === 'Left') return [];
  return [{ what: claimOf({ kind: 'mount', target: target.right }), at: [...at, 'file'] }];
}
