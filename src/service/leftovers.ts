// Temporary files of writes that a kill or a power cut ended: swept at each start, or they would stay for ever.

import { toPsiError } from '../core/error.ts';
import { errorFields, type Log } from './log.ts';

/** The folders of one kind of files. */
export type Leftovers = {
  /** Removes those of before that moment (ms since the epoch). Resolves to their paths. */
  readonly sweep: (before: number) => Promise<readonly string[]>;
};

const NAMED = 20;

/** Never rejects: what stays harms nobody. `before`: when this process began, so that nothing of its own is touched. */
export async function sweepLeftovers(kinds: readonly Leftovers[], before: number, log: Log): Promise<void> {
  for (const kind of kinds) {
    try {
      const files = await kind.sweep(before);
      if (files.length > 0) {
        log.info(
          { files: files.slice(0, NAMED), count: files.length },
          'temporary files of writes that were cut short are removed',
        );
      }
    } catch (thrown) {
      log.warn(errorFields(toPsiError(thrown)), 'temporary files of earlier writes may be left');
    }
  }
}

/** Sealed values that were removed or replaced long enough ago. Never rejects: what stays harms nobody, and the next start tries again. */
export async function sweepAside(sweep: () => Promise<void>, log: Log): Promise<void> {
  try {
    await sweep();
  } catch (thrown) {
    log.warn(errorFields(toPsiError(thrown)), 'sealed secrets that were removed long ago may still lie aside');
  }
}
