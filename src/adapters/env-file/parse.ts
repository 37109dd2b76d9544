// From the text of an env file to what is imported. dotenv decides what a statement means; a statement whose meaning it would drop or change
// without a word, compared with what plainly stands there, is refused with its line.

import { parse } from 'dotenv';
import type { ImportEntry, ImportSource, RefusedEntry } from '../../transfer/import/entry.ts';
import { SecretValue } from '../../core/secret-value.ts';
import { scan, type Assignment } from './scan.ts';

/** `file`: as messages name it. */
export function parseEnvFile(text: string, file: string): ImportSource {
  const entries: ImportEntry[] = [];
  const refused: RefusedEntry[] = [];
  for (const statement of scan(text)) {
    const from = `${file}:${String(statement.line)}`;
    if (statement.kind === 'problem') {
      const { name, reason, hint } = statement;
      refused.push({ key: name, from, reason, hint });
    } else if (!agrees(statement)) {
      const reason = 'readers of env files do not agree on what stands here';
      refused.push({ key: statement.name, from, reason, hint: 'put the value between quotes of another kind' });
    } else {
      const note = statement.end === 'comment' ? 'what follows ` #` on its line is read as a comment' : undefined;
      const value = SecretValue.fromText(statement.value);
      entries.push({ key: statement.name, value, from, ...(note !== undefined && { note }) });
    }
  }
  return { entries, refused };
}

function agrees({ name, value, text }: Assignment): boolean {
  const parsed = parse(text);
  return Object.keys(parsed).length === 1 && Object.hasOwn(parsed, name) && parsed[name] === value;
}
