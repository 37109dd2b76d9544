// The stack of an error, for people. Of the build it names files that nobody knows, until somebody who has their maps says how to read it.

type Reading = (stack: string) => string;

let reading: Reading = (stack) => stack;

/** From now on, in the whole process. */
export function readStacksBy(other: Reading): void {
  reading = other;
}

/** To be called where it is printed and nowhere else: it may read files. */
export function stackOf(error: Error): string {
  return reading(error.stack ?? error.message);
}
