// One at a time, in the order of the calls. A wait for the turn is as long as those before it hold theirs: what is held here must be
// bounded by itself.

/** Ends the turn. A second call does nothing. */
export type Release = () => void;

export class Mutex {
  #last: Promise<void> = Promise.resolve();
  #turns = 0;

  /** Does anybody hold it, or wait for it? */
  get busy(): boolean {
    return this.#turns > 0;
  }

  /** For a turn that ends elsewhere than where it began. Whoever no longer wants it still has to release it. */
  async acquire(): Promise<Release> {
    const before = this.#last;
    const ended = Promise.withResolvers<undefined>();
    this.#last = ended.promise;
    this.#turns += 1;
    await before;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#turns -= 1;
      ended.resolve(undefined);
    };
  }

  /** The work's own outcome; its failure ends its turn like any other end. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const release = await this.acquire();
    try {
      return await work();
    } finally {
      release();
    }
  }
}
