// One file of PSI's own in the state folder: bounded, for its owner alone, and after a power cut either as it was or as it is.

import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder, writeFileAtomic } from './atomic-write.ts';
import { fileCalls, readBounded } from './file-calls.ts';
import { errnoOf, fileError } from './host-error.ts';

export type StateFileOptions = {
  readonly stateDir: string;
  readonly name: string;
  /** In bytes: a larger one is not read. */
  readonly most: number;
  /** What a write is for, lower case, such as "note the setup that is owed": a failure says it. */
  readonly what: string;
};

export class StateFile {
  readonly path: string;
  readonly #options: StateFileOptions;

  constructor(options: StateFileOptions) {
    this.path = join(options.stateDir, options.name);
    this.#options = options;
  }

  /** Undefined: there is none. Fails as node:fs does, and with TOO_LARGE and the like. */
  async read(): Promise<string | undefined> {
    try {
      return (await readBounded(this.path, this.#options.most)).toString('utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Is it there? Fails with HOST where that cannot be told. */
  async exists(): Promise<boolean> {
    try {
      await fileCalls.run(this.path, () => stat(this.path));
      return true;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw fileError('look for', this.path, error);
    }
  }

  /** Durable when it resolves; makes the folder too. Fails with HOST. */
  async write(content: string): Promise<void> {
    const { stateDir, what } = this.#options;
    try {
      await fileCalls.run(this.path, () => mkdir(stateDir, { recursive: true, mode: 0o700 }));
      await writeFileAtomic(this.path, content, { mode: 0o600 });
    } catch (error) {
      throw fileError(what, this.path, error);
    }
  }

  /** Durable when it resolves; what is not there is removed. Fails with HOST. */
  async remove(): Promise<void> {
    try {
      await fileCalls.run(this.path, async () => {
        await stat(this.path);
        await rm(this.path, { force: true });
      });
      await syncFolder(this.#options.stateDir);
    } catch (error) {
      // Without the file, or the folder, there is nothing to remove either.
      if (errnoOf(error) !== 'ENOENT') throw fileError('remove', this.path, error);
    }
  }
}
