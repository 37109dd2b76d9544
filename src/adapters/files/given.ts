// What somebody gives a command, by a file or on standard input: read whole, and no further than it may be.

import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { PsiError } from '../../core/error.ts';
import { errnoOf } from './host-error.ts';

export type GivenBounds = {
  /** Bytes. */
  readonly most: number;
  /** Of what has more; `name` as people know it. */
  readonly tooLong: (name: string) => PsiError;
  /** The command that takes it by a pipe, in backticks. */
  readonly byPipe: string;
};

/** `file`: a path, or `-` for `stdin`. HOST: it cannot be read. */
export async function readGiven(file: string, stdin: Readable, bounds: GivenBounds): Promise<Uint8Array> {
  if (file === '-') return whole(stdin, 'stdin', bounds);
  try {
    // A FIFO too: `<(age --decrypt …)` of a shell is one.
    return await whole(createReadStream(file), file, bounds);
  } catch (cause) {
    if (cause instanceof PsiError) throw cause;
    throw new PsiError('HOST', `cannot read ${file}: ${errnoOf(cause) ?? 'unexpected error'}`, {
      hint: `in the container only mounted folders are there: ${bounds.byPipe}`,
      cause,
    });
  }
}

async function whole(stream: Readable, name: string, { most, tooLong }: GivenBounds): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > most) throw tooLong(name);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
