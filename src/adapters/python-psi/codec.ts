// The Python PSI's config as text: YAML 1.1 goes in, YAML that this psi reads comes out.

import { parseDocument, stringify, type Tags } from 'yaml';
import { PsiError } from '../../core/error.ts';

/** Of YAML 1.1 its parser leaves `y` and `n` texts, and what has an exponent but no point. */
const WORDS: Tags = [
  {
    tag: 'tag:yaml.org,2002:bool',
    test: /^(?:[Yy]es|YES|[Tt]rue|TRUE|[Oo]n|ON)$/,
    default: true,
    resolve: () => true,
  },
  {
    tag: 'tag:yaml.org,2002:bool',
    test: /^(?:[Nn]o|NO|[Ff]alse|FALSE|[Oo]ff|OFF)$/,
    default: true,
    resolve: () => false,
  },
  {
    tag: 'tag:yaml.org,2002:float',
    test: /^[-+]?[0-9][0-9_]*\.[0-9_]*[eE][-+][0-9]+$/,
    default: true,
    resolve: (text: string) => Number(text.replaceAll('_', '')),
  },
];

function tagsOf(tags: Tags): Tags {
  const known = tags.filter(
    (tag) =>
      typeof tag === 'string' || !(tag.tag === 'tag:yaml.org,2002:bool' || ('format' in tag && tag.format === 'EXP')),
  );
  return [...WORDS, ...known];
}

/** A duplicate key is no error there: the last one counts. */
export function readOldConfig(path: string, text: string): unknown {
  const doc = parseDocument(text, {
    ...{ version: '1.1', merge: true, uniqueKeys: false, prettyErrors: false, logLevel: 'error' },
    customTags: tagsOf,
  } as const);
  const wrong = doc.errors[0];
  // What the parser says of it quotes the text, which may be a secret.
  if (wrong) throw unreadable(path, text.slice(0, wrong.pos[0]).split('\n').length);
  try {
    return doc.toJS({ maxAliasCount: 1000 }) as unknown;
  } catch {
    throw unreadable(path, 1);
  }
}

export function writtenConfig(header: readonly string[], config: Readonly<Record<string, unknown>>): string {
  return `${header.map((line) => `# ${line}`).join('\n')}\n\n${stringify(config, { lineWidth: 0 })}`;
}

function unreadable(path: string, line: number): PsiError {
  return new PsiError('CONFIG_INVALID', `${path}:${String(line)}: it is no YAML`, {
    hint: 'mend it there: the Python PSI cannot read it either',
  });
}
