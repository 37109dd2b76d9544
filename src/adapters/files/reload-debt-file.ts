// An empty file in the state folder, there for as long as systemd has drop-ins to read.

import { access, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReloadDebt } from '../../registration/reload-debt.ts';
import { syncFolder, writeFileAtomic } from './atomic-write.ts';
import { fileCalls } from './file-calls.ts';
import { errnoOf, fileError } from './host-error.ts';

export class ReloadDebtFile implements ReloadDebt {
  readonly #dir: string;
  readonly #path: string;

  constructor(options: { readonly stateDir: string }) {
    this.#dir = options.stateDir;
    this.#path = join(options.stateDir, 'reload.owed');
  }

  async owed(): Promise<boolean> {
    try {
      await fileCalls.run(this.#path, () => access(this.#path));
      return true;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw fileError('look for', this.#path, error);
    }
  }

  async owe(): Promise<void> {
    if (await this.owed()) return;
    try {
      await fileCalls.run(this.#path, () => mkdir(this.#dir, { recursive: true, mode: 0o700 }));
      await writeFileAtomic(this.#path, '', { mode: 0o600 });
    } catch (error) {
      throw fileError('note the reload that systemd owes', this.#path, error);
    }
  }

  async settle(): Promise<void> {
    try {
      await fileCalls.run(this.#path, () => rm(this.#path, { force: true }));
      await syncFolder(this.#dir);
    } catch (error) {
      // Without the folder there is no debt either.
      if (errnoOf(error) !== 'ENOENT') throw fileError('remove', this.#path, error);
    }
  }
}
