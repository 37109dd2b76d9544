// What systemd makes of the words that Podman's generator hands on into ExecStart=: `%` specifiers, then `$$` and `${NAME}`. Only what is
// sure for this unit is resolved; a wrong guess would end as somebody's password.

import type { Scope } from '../../core/scope.ts';

export type UnitNames = {
  /** `myapp.service`: the generated unit. */
  readonly full: string;
  readonly prefix: string;
  /** undefined: a template, which has a name for each instance; empty: no template at all. */
  readonly instance: string | undefined;
  readonly scope: Scope;
};

export type Expanded =
  { readonly text: string; readonly unclear?: undefined } | { readonly unclear: string; readonly text?: undefined };

/** `myapp.container` → the names of its service; `serviceName` is what the quadlet itself says, without `.service`. */
export function unitNames(unitFile: string, serviceName: string | undefined, scope: UnitNames['scope']): UnitNames {
  const name = serviceName ?? unitFile.replace(/\.container$/, '');
  const at = name.indexOf('@');
  const instance = at === -1 ? '' : name.slice(at + 1);
  return {
    full: `${name}.service`,
    prefix: at === -1 ? name : name.slice(0, at),
    instance: at !== -1 && instance === '' ? undefined : instance,
    scope,
  };
}

export function expand(text: string, unit: UnitNames): Expanded {
  let unclear: string | undefined;
  // A `%` before anything that is no letter, and at the end, means itself.
  const specified = text.replaceAll(/%([%A-Za-z])/g, (_, letter: string) => {
    const value = letter === '%' ? '%' : specifier(letter, unit);
    if (value === undefined) unclear ??= `psi cannot tell what systemd makes of %${letter} there`;
    return value ?? '';
  });
  if (unclear !== undefined) return { unclear };
  if (/(?<!\$)(?:\$\$)*\$\{/.test(specified)) {
    return { unclear: "systemd puts a variable of the service's own environment there" };
  }
  return { text: specified.replaceAll('$$', '$') };
}

function specifier(letter: string, unit: UnitNames): string | undefined {
  const { full, prefix, instance, scope } = unit;
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
  return Object.hasOwn(names, letter) ? names[letter] : scope === 'system' ? SYSTEM[letter] : undefined;
}

/** The same on every host, for the system's own systemd. Its `%h` depends on how it was started. */
const SYSTEM: Readonly<Record<string, string>> = {
  C: '/var/cache',
  E: '/etc',
  G: '0',
  L: '/var/log',
  S: '/var/lib',
  U: '0',
  g: 'root',
  t: '/run',
  u: 'root',
};

/** `-` stands for `/`; names with other escapes are rare enough to be refused. */
function unescapeName(name: string): string | undefined {
  return name.includes('\\') ? undefined : name.replaceAll('-', '/');
}
