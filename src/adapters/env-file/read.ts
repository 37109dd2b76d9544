// An env file from the disk, or from standard input where its name is `-`.

import type { Readable } from 'node:stream';
import { PsiError } from '../../core/error.ts';
import type { EnvFileReader } from '../../transfer/env-file/reading.ts';
import type { ImportSource } from '../../transfer/import/entry.ts';
import { readGiven, type GivenBounds } from '../files/given.ts';
import { parseEnvFile } from './parse.ts';

const BOUNDS: GivenBounds = {
  // A thousand times what people have in one file.
  most: 16 * 1024 * 1024,
  tooLong: (name) => new PsiError('BAD_REQUEST', `${name} is larger than 16 MB`, { hint: 'divide it' }),
  byPipe: '`podman exec -i psi psi … import env-file - … < FILE`',
};

/** `reader`: who the file was written for; without one, only what all readers take alike is taken. */
export async function readEnvFile(
  file: string,
  reader: EnvFileReader | undefined,
  stdin: Readable,
): Promise<ImportSource> {
  const name = file === '-' ? 'stdin' : file;
  const bytes = await readGiven(file, stdin, BOUNDS);
  return parseEnvFile(textOf(bytes, name), name, reader);
}

/** Nothing of a file that is no UTF-8 is taken: a value with replaced characters would be another value. */
function textOf(bytes: Uint8Array, name: string): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    return decoder.decode(bytes);
  } catch {
    throw new PsiError('BAD_REQUEST', `${name}:${String(badLine(bytes))} is not UTF-8; nothing is imported`, {
      hint: '`iconv -f latin1 -t utf-8` makes it UTF-8, if that is what it was; binary values have to be base64',
    });
  }
}

function badLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let start = 0;
  for (let line = 1; ; line += 1) {
    // A newline is never a part of a longer character.
    const end = bytes.indexOf(0x0a, start);
    try {
      decoder.decode(bytes.subarray(start, end === -1 ? bytes.length : end));
    } catch {
      return line;
    }
    if (end === -1) return line;
    start = end + 1;
  }
}
