// Reading a file of the config with a bound: a dead mount or a pipe in its place must not hold up whoever asks. A read that hangs is not
// begun again while it does: each one would take a thread for good.

import type { ReadFile } from '../config/surroundings.ts';
import type { Clock } from '../core/clock.ts';

const PATIENCE_MS = 5_000;

export function patientRead(readFile: ReadFile, clock: Pick<Clock, 'sleep'>): ReadFile {
  const under = new Map<string, Promise<Uint8Array>>();
  const reading = (path: string): Promise<Uint8Array> => {
    const begun = under.get(path);
    if (begun) return begun;
    const read = readFile(path).finally(() => {
      under.delete(path);
    });
    under.set(path, read);
    return read;
  };
  return async (path) => {
    const done = new AbortController();
    const late = clock.sleep(PATIENCE_MS, done.signal).then(() => {
      throw Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' });
    });
    // It is ended below, and nobody waits for it then.
    late.catch(() => undefined);
    try {
      return await Promise.race([reading(path), late]);
    } finally {
      done.abort();
    }
  };
}
