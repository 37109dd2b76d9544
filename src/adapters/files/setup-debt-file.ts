// The workloads that a setup is owed for, in the state folder for as long as there are any.

import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SetupDebt, SetupDebtStore } from '../../registration/setup-debt.ts';
import { syncFolder, writeFileAtomic } from './atomic-write.ts';
import { fileCalls, readBounded } from './file-calls.ts';
import { errnoOf, fileError } from './host-error.ts';

const MOST_BYTES = 256 * 1024;
const ALL: SetupDebt = { workloads: undefined };

export class SetupDebtFile implements SetupDebtStore {
  readonly #dir: string;
  readonly #path: string;

  constructor(options: { readonly stateDir: string }) {
    this.#dir = options.stateDir;
    this.#path = join(options.stateDir, 'setup.owed');
  }

  async read(): Promise<SetupDebt | undefined> {
    try {
      return decode((await readBounded(this.#path, MOST_BYTES)).toString('utf8'));
    } catch (error) {
      return errnoOf(error) === 'ENOENT' ? undefined : ALL;
    }
  }

  async write({ workloads }: SetupDebt): Promise<void> {
    try {
      await fileCalls.run(this.#path, () => mkdir(this.#dir, { recursive: true, mode: 0o700 }));
      await writeFileAtomic(this.#path, JSON.stringify({ workloads: workloads ?? null }), { mode: 0o600 });
    } catch (error) {
      throw fileError('note the setup that is owed', this.#path, error);
    }
  }

  async clear(): Promise<void> {
    try {
      await fileCalls.run(this.#path, async () => {
        await stat(this.#path);
        await rm(this.#path, { force: true });
      });
      await syncFolder(this.#dir);
    } catch (error) {
      // Without the file, or the folder, nothing is owed either.
      if (errnoOf(error) !== 'ENOENT') throw fileError('remove', this.#path, error);
    }
  }
}

function decode(text: string): SetupDebt {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return ALL;
  }
  const workloads = typeof content === 'object' && content !== null && 'workloads' in content && content.workloads;
  if (!Array.isArray(workloads) || !workloads.every((name) => typeof name === 'string')) return ALL;
  return { workloads };
}
