// What the server does not take, or would not keep byte for byte: known before it is asked. Pure.

import type { Objection, SecretToWrite } from '../../provider/secret-writer.ts';
import { PLACEHOLDER } from './merge.ts';
import { holdsReference } from './references.ts';
import { itemBytes, LARGEST_ITEM_BYTES } from './write-requests.ts';

export const ENCODE =
  'encode it: put the output of `base64 -w0` into infisical and read it back with `psi infisical write-file --base64`';
const RENAME = 'give it another name';

export function objectionTo(secret: SecretToWrite): Objection | undefined {
  const { key, value } = secret;
  if (key.trim() === '') return refuse('it has no name', RENAME);
  if (key !== key.trim()) return refuse('infisical cuts white space at the ends of names', RENAME);
  if (/[:/]/.test(key)) return refuse('infisical takes no names with `:` or `/`', RENAME);
  const text = value.exposeExactText();
  if (text === undefined || !key.isWellFormed()) return refuse('it is not UTF-8 text', ENCODE);
  if (text !== asKept(text)) return refuse('infisical cuts white space at the ends of values', ENCODE);
  if (text === PLACEHOLDER)
    return refuse('it is what infisical writes in place of a hidden value', 'import the value itself');
  const bytes = itemBytes(secret);
  if (bytes > LARGEST_ITEM_BYTES) {
    return refuse(
      `it is too large for a request (${String(bytes)} bytes)`,
      'a secret of that size belongs into a file',
    );
  }
  if (!holdsReference(text)) return undefined;
  const reason =
    'infisical reads `${…}` in a value as a reference: if it finds such a secret, its value is put in there';
  return { kind: 'warn', reason, hint: 'look at it if the text itself is meant; servers of 2025 refuse it then' };
}

/** On each write, in every version: outer white space goes, one last newline is put back. */
function asKept(text: string): string {
  return text.endsWith('\n') ? `${text.trim()}\n` : text.trim();
}

function refuse(reason: string, hint: string): Objection {
  return { kind: 'refuse', reason, hint };
}
