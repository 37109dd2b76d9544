// How many bytes of answers are in memory at one time, of all providers together and as they are after decompression: nobody but the other
// side decides how long an answer is. Whoever is over is the largest of them, so that one endless answer takes the place of no other; and
// nobody waits, so that nothing can wait for itself.

import { PsiError } from '../core/error.ts';
import { sizeText } from '../core/text/size.ts';

/** One answer that is coming in. */
export type AnswerInFlight = {
  /** So many more bytes have come. May refuse this answer, or another one. */
  readonly grow: (bytes: number) => void;
  /** It is complete, or given up. */
  readonly end: () => void;
};

/** What an adapter counts its answers in. */
export type AnswerRoom = {
  /** More than this no single answer may have. */
  readonly bytes: number;
  /** `refuse` is called once at most, and nothing of that answer may be kept then. */
  readonly begin: (refuse: (error: PsiError) => void) => AnswerInFlight;
};

type Counted = { bytes: number; readonly limit: number; readonly refuse: (error: PsiError) => void };

/** One for a whole process. */
export class AnswersInFlight {
  readonly #counted = new Set<Counted>();
  #total = 0;

  /** The same count, held to this many bytes. */
  upTo(limit: number): AnswerRoom {
    return { bytes: limit, begin: (refuse) => this.#begin({ bytes: 0, limit, refuse }) };
  }

  #begin(answer: Counted): AnswerInFlight {
    this.#counted.add(answer);
    return {
      grow: (bytes) => {
        if (!this.#counted.has(answer)) return;
        answer.bytes += bytes;
        this.#total += bytes;
        while (this.#total > answer.limit) this.#refuseLargest(answer.limit);
      },
      end: () => {
        this.#drop(answer);
      },
    };
  }

  #refuseLargest(limit: number): void {
    const [largest] = [...this.#counted].sort((a, b) => b.bytes - a.bytes);
    if (!largest) return;
    const alone = largest.bytes > limit;
    this.#drop(largest);
    largest.refuse(alone ? tooLarge(limit) : noRoom(limit));
  }

  #drop(answer: Counted): void {
    if (this.#counted.delete(answer)) this.#total -= answer.bytes;
  }
}

/** `announced`: bytes that the other side said it would send. */
export function tooLarge(limit: number, announced?: number): PsiError {
  const size = announced === undefined ? '' : ` (${sizeText(announced)})`;
  return new PsiError('ANSWER_TOO_LARGE', `the answer is larger than ${sizeText(limit)}${size}`, {
    hint: 'divide what is asked for, or raise `limits.answers` in the config: it takes about five times that much memory',
  });
}

function noRoom(limit: number): PsiError {
  const message = `the answer was given up: those that came in at the same time have more than ${sizeText(limit)}`;
  return new PsiError('ANSWER_TOO_LARGE', message, {
    hint: 'try it again by itself, or raise `limits.answers` in the config',
    retry: 'later',
  });
}

/** What was thrown; an ANSWER_TOO_LARGE says what it was that was too large. */
export function namingAnswer(thrown: unknown, what: string): unknown {
  if (!(thrown instanceof PsiError) || thrown.code !== 'ANSWER_TOO_LARGE') return thrown;
  const { code, message, hint, retry, details } = thrown;
  const text = message.replace(/^.*?(?= is larger than | was given up)/, () => what);
  return new PsiError(code, text, { ...(hint !== undefined && { hint }), retry, details });
}
