// One call at a time, each with a deadline. A TPM that hangs cannot be interrupted: its caller is let go at the deadline, and nothing
// new is started until the old call has come back, because commands of two conversations would get mixed up.

import { fromFailure, TpmError } from './error.js';

/**
 * @typedef {{readonly step: string, readonly code: number, readonly text: string}} Failure
 * @typedef {{readonly abandon: () => void}} Job
 */

/**
 * @template T
 * @typedef {(callback: (failure: Failure | null, value: T) => void) => Job} Start
 */

export class CallQueue {
  /** @type {(() => void)[]} */
  #waiting = [];
  #running = false;
  #hangs = false;

  /** Is there a call under way whose deadline has passed? */
  get hangs() {
    return this.#hangs;
  }

  /**
   * `discard` gets a value that came too late: it may be a secret.
   * @template T
   * @param {Start<T>} start
   * @param {{readonly deadlineMs: number, readonly discard: (value: T) => void}} options
   * @returns {Promise<T>}
   */
  run(start, { deadlineMs, discard }) {
    return new Promise((resolve, reject) => {
      /** @type {Job | undefined} */
      let job;
      let expired = false;
      const begin = () => {
        job = start((failure, value) => {
          clearTimeout(timer);
          this.#running = false;
          this.#hangs = false;
          if (failure !== null) reject(fromFailure(failure));
          else if (expired) discard(value);
          else resolve(value);
          this.#next();
        });
      };
      const attempt = () => {
        try {
          begin();
        } catch (error) {
          clearTimeout(timer);
          this.#running = false;
          reject(error);
          this.#next();
        }
      };
      const timer = setTimeout(
        () => {
          expired = true;
          this.#waiting = this.#waiting.filter((one) => one !== attempt);
          if (job !== undefined) {
            this.#hangs = true;
            job.abandon();
          }
          reject(timeout(deadlineMs, job !== undefined));
        },
        Math.max(0, deadlineMs),
      );
      this.#waiting.push(attempt);
      this.#next();
    });
  }

  #next() {
    if (this.#running) return;
    const attempt = this.#waiting.shift();
    if (attempt === undefined) return;
    this.#running = true;
    attempt();
  }
}

/** @param {number} ms @param {boolean} started */
function timeout(ms, started) {
  const what = started ? 'the TPM did not answer' : 'the TPM was still busy with an earlier call';
  return new TpmError('timeout', `${what} within ${String(Math.round(ms))} ms`);
}
