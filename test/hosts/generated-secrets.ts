// A thousand secrets as nasty as names and values get, the same ones in each run, and an env file that holds them. What no env file can say in
// one way only is written in one that readers disagree about: an import has to refuse it by name.

import fc from 'fast-check';

export const COUNT = 1_000;

export type Generated = { readonly key: string; readonly value: string };

const PIECES = fc.oneof(
  { weight: 6, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 3, arbitrary: fc.string({ unit: 'grapheme', maxLength: 8 }) },
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      ...['"', "'", '`', '$', '\\', '\n', '#', ' ', '=', '\t', '\r\n', '$(id)', '${NOTHING}', '%', '\u0007', ';&|<>'],
    ),
  },
);
const VALUES = fc.oneof(
  { weight: 1, arbitrary: fc.constant('') },
  { weight: 20, arbitrary: fc.array(PIECES, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join('')) },
);
const NAMES = fc.oneof(
  { weight: 9, arbitrary: fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,20}$/) },
  { weight: 1, arbitrary: fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}$/) },
);

export function generatedSecrets(count = COUNT): readonly Generated[] {
  const sample = { seed: 20261124, numRuns: count };
  const names = fc.sample(NAMES, sample);
  const values = fc.sample(VALUES, sample);
  const large = 'sixty KB of "quotes" and $igns \\ '.repeat(1_800);
  // The number keeps names apart.
  return names.map((name, at) => ({
    key: `${name}_${String(at)}`,
    value: at % 333 === 7 ? `${large}${String(at)}` : (values[at] ?? ''),
  }));
}

export function asEnvFile(secrets: readonly Generated[]): string {
  return `# generated\n${secrets.map((secret, at) => lineOf(secret, at)).join('\n')}\n`;
}

const quoted = (value: string, quote: string): string | undefined =>
  value.includes(quote) || value.includes('\r') || value.endsWith('\\') ? undefined : `${quote}${value}${quote}`;

const STYLES: readonly ((value: string) => string | undefined)[] = [
  (value) =>
    /[\n\r#]|^['"`]|\\$/.test(value) || value !== value.trim() || value.startsWith('-----BEGIN ') ? undefined : value,
  (value) => quoted(value, "'"),
  (value) => (/\\[nr\\$`"]/.test(value) ? undefined : quoted(value, '"')),
];

function lineOf({ key, value }: Generated, at: number): string {
  const said = STYLES.flatMap((style) => style(value) ?? []);
  const chosen = said[at % Math.max(1, said.length)] ?? `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  return `${at % 20 === 0 ? 'export ' : ''}${key}=${chosen}`;
}
