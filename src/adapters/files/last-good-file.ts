// The last good config as a file in the state folder. It may hold what the config file holds, secrets included, so it is for its owner alone.

import { lstat, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sameBytes } from '../../core/bytes.ts';
import { PsiError } from '../../core/error.ts';
import type { LastGoodStore } from '../../service/last-good.ts';
import { writeFileAtomic } from './atomic-write.ts';
import { fileCalls, readBounded } from './file-calls.ts';
import { errnoOf, fileError } from './host-error.ts';

/** Far more than a config of hundreds of workloads. */
const LARGEST = 1_048_576;

export class LastGoodFile implements LastGoodStore {
  readonly path: string;
  readonly #dir: string;

  constructor(options: { readonly stateDir: string }) {
    this.#dir = options.stateDir;
    this.path = join(options.stateDir, 'config.last-good');
  }

  async read(): Promise<Uint8Array | undefined> {
    try {
      const facts = await fileCalls.run(this.path, () => lstat(this.path));
      if (!facts.isFile() || facts.size > LARGEST) throw unusable(this.path);
      return await readBounded(this.path, LARGEST);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw fileError('read the last good config', this.path, error);
    }
  }

  async keep(content: Uint8Array): Promise<void> {
    try {
      if (content.byteLength > LARGEST) {
        await fileCalls.run(this.path, () => rm(this.path, { force: true }));
        throw tooLarge(content.byteLength);
      }
      if (await this.#holds(content)) return;
      await fileCalls.run(this.path, () => mkdir(this.#dir, { recursive: true, mode: 0o700 }));
      await writeFileAtomic(this.path, content, { mode: 0o600 });
    } catch (error) {
      throw fileError('keep the last good config', this.path, error);
    }
  }

  /** What cannot be read, or others can read too, is written anew. */
  async #holds(content: Uint8Array): Promise<boolean> {
    try {
      const facts = await fileCalls.run(this.path, () => lstat(this.path));
      if (!facts.isFile() || facts.size !== content.byteLength || (facts.mode & 0o077) !== 0) return false;
      return sameBytes(await readBounded(this.path, LARGEST), content);
    } catch {
      return false;
    }
  }
}

function unusable(path: string): PsiError {
  return new PsiError('HOST', `${path} is no file that psi wrote`, {
    hint: `remove it: psi writes it anew with the next config that is good`,
  });
}

function tooLarge(bytes: number): PsiError {
  return new PsiError(
    'HOST',
    `the config has ${String(bytes)} bytes and is not kept as the last good one: at most ${String(LARGEST)}`,
    { hint: 'take out of it what no longer has a unit' },
  );
}
