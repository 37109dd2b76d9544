// What systemd makes of the words that Podman's generator hands on into ExecStart=: `%` specifiers, then `$$` and `${NAME}`. Only what is
// sure for this unit is resolved; a wrong guess would end as somebody's password.

import { baseDirectories, inFolder } from '../../core/base-directories.ts';
import type { Scope } from '../../core/scope.ts';

/** What the manager that runs the unit puts for a letter; undefined: psi does not know it for sure. */
export type Specifiers = Readonly<Record<string, string | undefined>>;

export type UnitNames = {
  /** `myapp.service`: the generated unit. */
  readonly full: string;
  readonly prefix: string;
  /** undefined: a template, which has a name for each instance; empty: no template at all. */
  readonly instance: string | undefined;
  readonly scope: Scope;
  readonly specifiers: Specifiers;
};

/** Whose manager runs the unit. */
export type UnitHost = Pick<UnitNames, 'scope' | 'specifiers'>;

export type Expanded =
  { readonly text: string; readonly unclear?: undefined } | { readonly unclear: string; readonly text?: undefined };

/** `myapp.container` → the names of its service; `serviceName` is what the quadlet itself says, without `.service`. */
export function unitNames(unitFile: string, serviceName: string | undefined, host: UnitHost): UnitNames {
  const name = serviceName ?? unitFile.replace(/\.container$/, '');
  const at = name.indexOf('@');
  const instance = at === -1 ? '' : name.slice(at + 1);
  return {
    full: `${name}.service`,
    prefix: at === -1 ? name : name.slice(0, at),
    instance: at !== -1 && instance === '' ? undefined : instance,
    ...host,
  };
}

type Env = Readonly<Record<string, string | undefined>>;

/** Of systemd.unit(5); `user`: whose manager it is, as far as the host tells. */
export function specifiersOf(
  scope: Scope,
  env: Env,
  user: { readonly uid: number; readonly name: string | undefined },
): Specifiers {
  if (scope === 'system') return SYSTEM;
  const { home, config, state, cache, runtime } = baseDirectories(env, user.uid);
  const manager = { U: String(user.uid), u: user.name, t: runtime };
  // Without HOME none of the user's folders is sure.
  if (env['HOME']?.startsWith('/') !== true) return manager;
  return { ...manager, h: home, E: config, S: state, C: cache, L: inFolder(state, 'log') };
}

export function expand(text: string, unit: UnitNames): Expanded {
  let unclear: string | undefined;
  // A `%` before anything that is no letter and no digit, and at the end, means itself.
  const specified = text.replaceAll(/%(%|[A-Za-z]|\d{1,2})/g, (_, letter: string) => {
    const value = letter === '%' ? '%' : specifier(letter, unit);
    if (value === undefined) unclear ??= whyUnclear(letter);
    return value ?? '';
  });
  if (unclear !== undefined) return { unclear };
  if (/(?<!\$)(?:\$\$)*\$\{/.test(specified)) {
    return { unclear: "systemd puts a variable of the service's own environment there" };
  }
  return { text: specified.replaceAll('$$', '$') };
}

function specifier(letter: string, unit: UnitNames): string | undefined {
  const { full, prefix, instance } = unit;
  const last = prefix.slice(prefix.lastIndexOf('-') + 1);
  const names: Readonly<Record<string, string | undefined>> = {
    n: instance === undefined ? undefined : full,
    N: instance === undefined ? undefined : full.replace(/\.service$/, ''),
    p: prefix,
    P: unescapeName(prefix),
    i: instance,
    I: instance === undefined ? undefined : unescapeName(instance),
    j: last,
    J: unescapeName(last),
  };
  return { ...unit.specifiers, ...names }[letter];
}

function whyUnclear(letter: string): string {
  if (KNOWN.includes(letter)) return `psi cannot tell what systemd makes of %${letter} there`;
  return `systemd knows no %${letter} and does not start the unit: write %%${letter}`;
}

/** All letters with which systemd 257 loads a unit: with any other it does not. */
const KNOWN = 'aAbBcCdDEfgGhHiIjJlLmMnNopPqrRsStTuUvVwWyY';

/** The same on every host. */
const SYSTEM: Specifiers = {
  C: '/var/cache',
  E: '/etc',
  G: '0',
  L: '/var/log',
  S: '/var/lib',
  U: '0',
  g: 'root',
  h: '/root',
  t: '/run',
  u: 'root',
};

/** `-` stands for `/`; names with other escapes are rare enough to be refused. */
function unescapeName(name: string): string | undefined {
  return name.includes('\\') ? undefined : name.replaceAll('-', '/');
}
