// A value on its way into a command and out of it, byte for byte: by a file or a pipe, never by an argument.

import type { Readable, Writable } from 'node:stream';

import { PsiError } from '../../core/error.ts';
import { SecretValue } from '../../core/secret-value.ts';
import { MOST_VALUE_BYTES } from '../../sealed/sealed-files.ts';
import { readGiven, type GivenBounds } from '../files/given.ts';

const BY_PIPE = '`podman exec -i psi psi sealed store NAME < FILE`';

const BOUNDS: GivenBounds = {
  most: MOST_VALUE_BYTES,
  tooLong: (name) =>
    new PsiError('BAD_REQUEST', `${name} has more than ${String(MOST_VALUE_BYTES)} bytes`, {
      hint: 'Podman takes no larger secret either: it belongs into a volume of its own',
    }),
  byPipe: BY_PIPE,
};

/** `-` is stdin. Nothing is taken off at its end. */
export async function readValue(file: string, stdin: Readable & { readonly isTTY?: boolean }): Promise<SecretValue> {
  if (file === '-' && stdin.isTTY === true) {
    throw new PsiError('BAD_REQUEST', 'the value would be shown as it is typed', {
      hint: `let it come in: ${BY_PIPE}`,
    });
  }
  const bytes = await readGiven(file, stdin, BOUNDS);
  if (bytes.byteLength > 0) return new SecretValue(bytes);
  throw new PsiError('BAD_REQUEST', `nothing came in by ${file === '-' ? 'stdin' : file}`, {
    hint: `a sealed secret has at least one byte; \`podman exec\` needs its \`-i\`: ${BY_PIPE}`,
  });
}

// eslint-disable-next-line no-control-regex -- they are what is looked for
const NO_TEXT = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufffd]/;

/** Fails where a terminal would take parts of it for commands. */
export function writeValue(value: Uint8Array, stdout: Writable & { readonly isTTY?: boolean }): void {
  if (stdout.isTTY === true && NO_TEXT.test(new TextDecoder().decode(value))) {
    throw new PsiError('BAD_REQUEST', 'the value is no text that a terminal shows as it is', {
      hint: 'send it into a file: `podman exec psi psi sealed export NAME > FILE`',
    });
  }
  stdout.write(value);
}
