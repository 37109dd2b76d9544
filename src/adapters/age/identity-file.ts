// What age-keygen writes: private keys, one a line, with remarks. From a file, or from a pipe, so that it need not lie on the host at all.

import type { Readable } from 'node:stream';
import { PsiError } from '../../core/error.ts';
import { SecretValue } from '../../core/secret-value.ts';
import { readGiven, type GivenBounds } from '../files/given.ts';

const BY_PIPE = '`podman exec -i psi psi cache recover --identity - < KEY_FILE`';
const MADE_BY = 'give the file that `age-keygen` wrote, with a line AGE-SECRET-KEY-1…';

const BOUNDS: GivenBounds = {
  most: 64 * 1024,
  tooLong: (name) => unusable(`${name} is too long for a file of keys`, { hint: MADE_BY }),
  byPipe: BY_PIPE,
};

/** `-` is stdin. Never quotes what it read. */
export async function readIdentities(
  file: string,
  stdin: Readable & { readonly isTTY?: boolean },
): Promise<readonly SecretValue[]> {
  const name = file === '-' ? 'stdin' : file;
  if (file === '-' && stdin.isTTY === true) {
    throw unusable('the private key would be shown as it is typed', { hint: `let it come in: ${BY_PIPE}` });
  }
  const text = new TextDecoder().decode(await readGiven(file, stdin, BOUNDS));
  if (/^(?:age-encryption\.org\/|-----BEGIN AGE)/.test(text)) {
    throw unusable(`${name} is an encrypted file of age itself`, {
      hint: 'decrypt it into the command: `age --decrypt key.age | podman exec -i psi psi cache recover --identity -`',
    });
  }
  const lines = text.split('\n').map((line) => line.trim());
  const keys = lines.filter((line) => line !== '' && !line.startsWith('#'));
  const wrong = lines.findIndex((line) => line !== '' && !line.startsWith('#') && !PRIVATE_KEY.test(line));
  if (wrong !== -1) {
    throw unusable(`line ${String(wrong + 1)} of ${name} is no private key of age`, {
      hint: `${MADE_BY}; a plugin, SSH or post-quantum key is of no use here`,
    });
  }
  if (keys.length > 0) return keys.map((key) => SecretValue.fromText(key));
  throw unusable(`${name} holds no private key of age`, {
    hint: file === '-' ? `let the key come in, with \`-i\`: ${BY_PIPE}` : MADE_BY,
  });
}

const PRIVATE_KEY = /^AGE-SECRET-KEY-1[A-Z0-9]{58}$/;

function unusable(message: string, init: { readonly hint: string }): PsiError {
  return new PsiError('BAD_REQUEST', message, init);
}
