// Calls to the file system, each bounded in time. A disk that is gone or a FUSE that has stopped answers never, and a call that hangs keeps
// one of the few threads that Node has for files and for names of hosts alike: so they are counted, and most threads are never in a file.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Turns } from '../../core/turns.ts';

export type FileProblemCode = 'NOT_A_FILE' | 'TOO_LARGE' | 'HANGS';

/** What Node has no error for. With a code, as its own have. */
export class FileProblem extends Error {
  readonly code: FileProblemCode;

  constructor(code: FileProblemCode) {
    super(code);
    this.code = code;
  }
}

/** A disk that sleeps takes seconds to wake up. */
const CALL_MS = 5_000;

/** So many calls that hang in one folder tell of the next one. */
const MOST_HUNG = 2;

export class FileCalls {
  readonly #turns: Turns;
  readonly #hung = new Map<string, number>();

  /** `atOnce`: threads that may be in a file at one time. */
  constructor(atOnce: number) {
    this.#turns = new Turns(atOnce);
  }

  /** Calls that nobody waits for any more, and that have not ended. */
  get hung(): number {
    return [...this.#hung.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * Fails with HANGS when the time is up, or at once where others hang. The signal aborts then: what has not been done by that time must
   * not be done later.
   */
  async run<T>(path: string, work: (signal: AbortSignal) => Promise<T>, limitMs = CALL_MS): Promise<T> {
    const folder = dirname(path);
    if ((this.#hung.get(folder) ?? 0) >= MOST_HUNG) throw new FileProblem('HANGS');
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort(new FileProblem('HANGS'));
    }, limitMs);
    try {
      const endTurn = await this.#turns.take(late.signal);
      return await this.#untilLate(work(late.signal).finally(endTurn), folder, late.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  #untilLate<T>(working: Promise<T>, folder: string, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      let hangs = false;
      signal.addEventListener('abort', () => {
        hangs = true;
        this.#count(folder, 1);
        reject(new FileProblem('HANGS'));
      });
      working.then(resolve, reject).finally(() => {
        if (hangs) this.#count(folder, -1);
      });
    });
  }

  #count(folder: string, more: 1 | -1): void {
    const count = (this.#hung.get(folder) ?? 0) + more;
    if (count === 0) this.#hung.delete(folder);
    else this.#hung.set(folder, count);
  }
}

/** Of the process: its threads are one pool. Half of them stay for names of hosts, compression and whatever else. */
export const fileCalls = new FileCalls(Math.max(1, Math.floor(poolSize(process.env['UV_THREADPOOL_SIZE']) / 2)));

function poolSize(text: string | undefined): number {
  return text !== undefined && /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 4;
}

/** More than any file that PSI reads whole, but for its cache. */
const LARGEST = 16 * 1024 * 1024;

/** All of a file. Fails as node:fs does, and with NOT_A_FILE and TOO_LARGE. */
export function readBounded(path: string, most = LARGEST): Promise<Buffer> {
  return fileCalls.run(path, () => readPlain(path, most));
}

async function readPlain(path: string, most: number): Promise<Buffer> {
  // Without O_NONBLOCK the open of a FIFO waits for somebody who writes.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const facts = await file.stat();
    if (facts.isDirectory()) throw Object.assign(new Error('EISDIR'), { code: 'EISDIR' });
    if (!facts.isFile()) throw new FileProblem('NOT_A_FILE');
    if (facts.size > most) throw new FileProblem('TOO_LARGE');
    const parts: Buffer[] = [];
    // Files of /proc have no size, and one that is being written grows.
    for (let length = 0; length <= most;) {
      const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(Math.max(facts.size - length + 1, 4096)) });
      if (bytesRead === 0) return Buffer.concat(parts);
      parts.push(buffer.subarray(0, bytesRead));
      length += bytesRead;
    }
    throw new FileProblem('TOO_LARGE');
  } finally {
    await file.close();
  }
}
