// `${…}` in values: what a server may take for a reference to another secret, and what it says when that may not be read. There is no
// escape, and a reference to nothing stays in the value as text, so a text alone never tells. Pure.

import type { ServerRefusal } from './codec.ts';
import { oneLine } from './words.ts';

/** What any version of the server looks for: that of June 2025 does not know `@`. */
const REFERENCE = /\$\{([a-zA-Z0-9\-_.@]+)\}/g;

export type Reference = {
  readonly key: string;
  /** undefined: a bare name, looked for in the folder of the value. */
  readonly place: { readonly environment: string; readonly path: string } | undefined;
};

export function holdsReference(text: string): boolean {
  return text.search(REFERENCE) >= 0;
}

/** Those within the project: of `${@other-project.…}` only its own server can speak. */
export function referencesIn(text: string): readonly Reference[] {
  return referenceNames(text)
    .filter((name) => !name.startsWith('@'))
    .map(referenceOf);
}

/** What stands between the braces, each once, of other projects too. */
export function referenceNames(text: string): readonly string[] {
  return [...new Set(Array.from(text.matchAll(REFERENCE), ([, name = '']) => name))];
}

export function referenceOf(name: string): Reference {
  const [environment, ...folders] = name.split('.');
  const key = folders.pop();
  if (environment === undefined || key === undefined) return { key: name, place: undefined };
  return { key, place: { environment, path: `/${folders.filter((folder) => folder !== '').join('/')}` } };
}

/** A secret that a value refers to, as the refusal names it. */
export type Refused = { readonly key: string; readonly environment: string; readonly path: string };

/** Of a single value on June 2025; of a single value, and in the details of a list, on a server of 2026. */
const SENTENCES = [
  /reference secret named (?<key>\S+) from environment (?<environment>\S+) in path (?<path>\S+) which you do not/g,
  /read secret '(?<key>[^']*)' in environment '(?<environment>[^']*)' at path '(?<path>[^']*)', which is referenced by/g,
];

export function refusesReference({ message, details }: ServerRefusal): boolean {
  if (/expand .*secret references?/i.test(message)) return true;
  return refusedIn([message, ...sentencesOf(details)]).length > 0;
}

/** What the server names of what it refused, for a message: coordinates only, the text around them is the server's. */
export function refusedNames({ message, details }: ServerRefusal): readonly string[] {
  const sentences = [message, ...sentencesOf(details)];
  const named = refusedIn(sentences).map(
    ({ key, environment, path }) => `${oneLine(key)} (environment ${oneLine(environment)}, path ${oneLine(path)})`,
  );
  const brief = sentences.flatMap((sentence) => sentence.match(/\$\{[\w.@/-]{1,100}\}/g) ?? []);
  return [...new Set(named.length > 0 ? named : brief)];
}

/** The place of the first of them, for the next step. */
export function firstRefused({ message, details }: ServerRefusal): Refused | undefined {
  return refusedIn([message, ...sentencesOf(details)])[0];
}

function refusedIn(sentences: readonly string[]): readonly Refused[] {
  const groups = sentences.flatMap((sentence) =>
    SENTENCES.flatMap((pattern) => Array.from(sentence.matchAll(pattern), (match) => match.groups ?? {})),
  );
  return groups.map(({ key = '', environment = '', path = '' }) => ({ key, environment, path }));
}

function sentencesOf(details: unknown): readonly string[] {
  return Array.isArray(details) ? details.filter((one) => typeof one === 'string') : [];
}
