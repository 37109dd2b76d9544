// So many calls at a time; the others wait for their turn, first come, first served. Node's agents hold to their `maxSockets` by themselves,
// but not for connections that are made in several steps: without this a storm of lookups would open a tunnel for each.

export type EndTurn = () => void;

export class Turns {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Rejects with the signal's reason when it aborts before. Who got one has to end it, once. */
  async take(signal?: AbortSignal): Promise<EndTurn> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#mine(signal);
    return () => {
      const [next] = this.#waiting;
      if (next) next();
      else this.#free += 1;
    };
  }

  #mine(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(mine);
        signal?.removeEventListener('abort', aborted);
      };
      const mine = (): void => {
        leave();
        resolve();
      };
      const aborted = (): void => {
        leave();
        reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
      };
      this.#waiting.add(mine);
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }
}
