// The bytes of one answer as text, counted as they come: nobody but the other side knows how many there will be.

import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { PsiError } from '../../core/error.ts';
import { tooLarge, type AnswerRoom } from '../../provider/answers-in-flight.ts';

/** As much of a refusal as is read. Infisical's own have some hundred bytes; a page of a proxy is only recognized. */
const LONGEST_REFUSAL = 16 * 1024;

/** Its beginning, for an answer that is not asked for its content. */
export async function beginningOf(stream: Readable): Promise<string> {
  const text = new Bytes(LONGEST_REFUSAL);
  // The end of the loop ends the stream, and with it the connection.
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    text.add(chunk.subarray(0, LONGEST_REFUSAL - text.length));
    if (text.length === LONGEST_REFUSAL) break;
  }
  return text.text();
}

/** All of it. Fails with ANSWER_TOO_LARGE where there is no room for it. */
export async function wholeOf(stream: Readable, headers: IncomingHttpHeaders, room: AnswerRoom): Promise<string> {
  const announced = Number(headers['content-length'] ?? 0);
  if (announced > room.bytes) {
    stream.destroy();
    throw tooLarge(room.bytes, announced);
  }
  let refused: PsiError | undefined;
  const answer = room.begin((error) => {
    refused = error;
    stream.destroy();
  });
  const bytes = new Bytes(room.bytes);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      answer.grow(chunk.length);
      if (refused) break;
      bytes.add(chunk);
    }
    if (!refused) return bytes.text();
  } catch (thrown) {
    // A stream that is given up from elsewhere ends with an error of its own.
    if (!refused) throw thrown;
  } finally {
    answer.end();
    bytes.drop();
  }
  throw refused;
}

/**
 * In one piece of memory that grows, and is given back as soon as its text is there: chunks that wait for the collector would stand beside
 * those of the next answer.
 */
class Bytes {
  readonly #buffer: ArrayBuffer;
  #length = 0;

  constructor(most: number) {
    this.#buffer = new ArrayBuffer(0, { maxByteLength: most });
  }

  get length(): number {
    return this.#length;
  }

  add(chunk: Uint8Array): void {
    const end = this.#length + chunk.length;
    if (end > this.#buffer.byteLength)
      this.#buffer.resize(Math.min(this.#buffer.maxByteLength, Math.max(end, 2 * end)));
    new Uint8Array(this.#buffer).set(chunk, this.#length);
    this.#length = end;
  }

  /** Once. */
  text(): string {
    const text = new TextDecoder().decode(new Uint8Array(this.#buffer, 0, this.#length));
    this.drop();
    return text;
  }

  drop(): void {
    this.#length = 0;
    this.#buffer.resize(0);
  }
}
