// What a campaign cleans up at its end, last things first: outside of a test there is no context that does it.

export type AtEnd = { readonly after: (what: () => unknown) => void };

export class Ends implements AtEnd {
  readonly #ends: (() => unknown)[] = [];

  readonly after = (what: () => unknown): void => {
    this.#ends.unshift(what);
  };

  async run(): Promise<void> {
    for (const end of this.#ends.splice(0)) await end();
  }
}

/** Whatever comes of it, everything is cleaned up. */
export async function cleanly<T>(work: (at: AtEnd) => Promise<T>): Promise<T> {
  const ends = new Ends();
  try {
    return await work(ends);
  } finally {
    await ends.run();
  }
}
