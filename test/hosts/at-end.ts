// What is cleaned up at the end, last things first: a process ends before the folder that it writes to goes. A test's own context does it
// in the order in which things were made, and stops at the first that fails.

export type AtEnd = { readonly after: (what: () => unknown) => void };

export class Ends implements AtEnd {
  readonly #ends: (() => unknown)[] = [];

  readonly after = (what: () => unknown): void => {
    this.#ends.unshift(what);
  };

  /** All of it, and then the first thing that failed is thrown. */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (const end of this.#ends.splice(0)) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
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
