// What a value refers to, as the server reads it: `${KEY}` in its own folder, `${environment.folder.KEY}`, `${@project.environment.folder.KEY}`.
// Pure.

/** The characters that the server looks for between the braces; servers of 2025 know no `@` and let such a text stand. */
const REFERENCE = /\$\{([a-zA-Z0-9\-_.@]+)\}/g;

export type Home = { readonly environment: string; readonly path: string };

/** Where a reference leads, within its own project. */
export type Target = Home & { readonly key: string };

/** The texts between the braces, each once. */
export function referencesIn(text: string): readonly string[] {
  return [...new Set([...text.matchAll(REFERENCE)].map(([, reference = '']) => reference))];
}

/** undefined: it leads into another project. `home`: where the value stands that has it. */
export function targetOf(reference: string, home: Home): Target | undefined {
  if (reference.startsWith('@')) return undefined;
  const parts = reference.split('.');
  if (parts.length === 1) return { ...home, key: reference };
  const [environment = '', ...folders] = parts.slice(0, -1);
  return { environment, path: `/${folders.filter((part) => part !== '').join('/')}`, key: parts.at(-1) ?? '' };
}

/** Keys beside a value that it refers to. */
export function neighboursIn(text: string, home: Home): readonly string[] {
  return referencesIn(text).flatMap((reference) => {
    const target = targetOf(reference, home);
    return target?.environment === home.environment && target.path === home.path ? [target.key] : [];
  });
}

/** Does it lead out of the folder? Then more than a secret can be missing: an environment, a folder. */
export function leadsElsewhere(reference: string): boolean {
  return reference.includes('.');
}

const MOST_NAMED = 5;
const LONGEST_NAMED = 64;

/** References for a message: names are no values, but a long one may be a part of one. */
export function named(references: readonly string[]): string {
  const shown = references
    .slice(0, MOST_NAMED)
    .map((reference) => (reference.length > LONGEST_NAMED ? '${…}' : `\${${reference}}`));
  return references.length > MOST_NAMED ? `${shown.join(', ')}, …` : shown.join(', ');
}
