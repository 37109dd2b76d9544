// The cache on disk: reads and replaces one file. Each save has a fresh data key, which only the key wrapper can give back; neither it nor
// the plaintext outlives the call.

import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { PsiError } from '../../core/error.ts';
import { SecretValue } from '../../core/secret-value.ts';
import type { CacheFile, CacheFileContent } from '../../cache/cache-file.ts';
import { DATA_KEY_BYTES, type KeyWrapper } from '../../sealing/key-wrapper.ts';
import { syncFolder, writeFileAtomic, type WriteStep } from '../files/atomic-write.ts';
import { fileCalls, readBounded } from '../files/file-calls.ts';
import { errnoOf, fileError } from '../files/host-error.ts';
import { cacheDefect } from './defects.ts';
import { FILE_ID_BYTES, NONCE_FIELD_BYTES, splitEnvelope } from './envelope.ts';
import { openEntries, sealEntries } from './seal.ts';

/** Hundreds of thousands of values. */
const LARGEST = 512 * 1024 * 1024;

export type SaveStep = 'wrapped' | 'sealed' | WriteStep;

/** `cache.enc.bad`, then `cache.enc.bad.2` and so on: what lies aside must not fill the disk either. */
const FURTHER_ASIDE = [2, 3, 4] as const;

export type EncryptedCacheFileOptions = {
  readonly path: string;
  /** For kill-point tests: called when a step of a save is done. */
  readonly onStep?: (step: SaveStep) => void;
};

export class EncryptedCacheFile implements CacheFile {
  readonly #keys: KeyWrapper;
  readonly #path: string;
  readonly #onStep: (step: SaveStep) => void;
  #prepared = false;

  constructor(deps: { readonly keys: KeyWrapper }, { path, onStep = () => undefined }: EncryptedCacheFileOptions) {
    this.#keys = deps.keys;
    this.#path = path;
    this.#onStep = onStep;
  }

  async read(): Promise<CacheFileContent | undefined> {
    const bytes = await this.#bytes();
    if (bytes === undefined) {
      await this.#tryKey();
      return undefined;
    }
    const envelope = splitEnvelope(bytes);
    if (typeof envelope === 'string') throw cacheDefect(envelope, this.#path);
    if (envelope.backend !== this.#keys.backend) throw cacheDefect('other-backend', this.#path, envelope.backend);
    const dataKey = await this.#unwrap(envelope.wrappedKey);
    try {
      const entries = await openEntries(envelope, dataKey);
      if (typeof entries === 'string') throw cacheDefect(entries, this.#path);
      return { entries, writtenAt: envelope.writtenAt };
    } finally {
      dataKey.fill(0);
    }
  }

  async write({ entries, writtenAt }: CacheFileContent): Promise<number> {
    const dataKey = randomBytes(DATA_KEY_BYTES);
    let file: Uint8Array;
    try {
      const wrappedKey = await this.#keys.wrap(new SecretValue(dataKey));
      this.#onStep('wrapped');
      file = await sealEntries(entries, dataKey, {
        backend: this.#keys.backend,
        fileId: randomBytes(FILE_ID_BYTES),
        nonceField: randomBytes(NONCE_FIELD_BYTES),
        writtenAt,
        wrappedKey,
      });
      this.#onStep('sealed');
    } finally {
      dataKey.fill(0);
    }
    try {
      await fileCalls.run(this.#path, () => this.#prepareFolder());
      await writeFileAtomic(this.#path, file, { mode: 0o600, onStep: this.#onStep });
    } catch (error) {
      throw fileError('write the cache', this.#path, error);
    }
    return file.length;
  }

  async setAside(): Promise<string> {
    try {
      const aside = await fileCalls.run(this.#path, async (late) => {
        const free = await this.#freeName();
        late.throwIfAborted();
        await rename(this.#path, free);
        return free;
      });
      await syncFolder(dirname(this.#path));
      return aside;
    } catch (error) {
      throw fileError('set aside the cache', this.#path, error);
    }
  }

  /** One that is there may be the only good one: an earlier PSI moved caches away that were merely locked. So none is ever replaced. */
  async #freeName(): Promise<string> {
    const first = `${this.#path}.bad`;
    for (const name of [first, ...FURTHER_ASIDE.map((number) => `${first}.${String(number)}`)]) {
      if (!(await exists(name))) return name;
    }
    throw new PsiError('HOST', `cannot set aside the cache ${this.#path}: ${first} and those after it are taken`, {
      hint: `\`ls -l ${first}*\` shows them: remove those that nobody needs any more, then \`systemctl restart psi.service\``,
    });
  }

  async #bytes(): Promise<Uint8Array | undefined> {
    try {
      return await readBounded(this.#path, LARGEST);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw fileError('read the cache', this.#path, error);
    }
  }

  /** Without a file nothing would ask for the key before the first save, and a cache that can keep nothing would pass for ready. */
  async #tryKey(): Promise<void> {
    const { problem } = await this.#keys.describe();
    if (problem === undefined) return;
    const { code, message, hint, retry, details } = problem;
    throw new PsiError(code, message, {
      ...(hint === undefined ? {} : { hint }),
      retry,
      details: { ...details, file: 'none' },
      cause: problem,
    });
  }

  async #unwrap(wrappedKey: Uint8Array): Promise<Uint8Array> {
    try {
      // Not a copy: the wrapper keeps none, and this one is wiped.
      return (await this.#keys.unwrap(wrappedKey)).expose();
    } catch (error) {
      if (!(error instanceof PsiError) || error.code !== 'CACHE_CORRUPT') throw error;
      throw cacheDefect(error.details['reason'] === 'version' ? 'key-version' : 'key-damaged', this.#path);
    }
  }

  /** Saves that were killed leave their temporary files, as large as the cache. Nobody else writes here. */
  async #prepareFolder(): Promise<void> {
    if (this.#prepared) return;
    const folder = dirname(this.#path);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const prefix = `.${basename(this.#path)}.`;
    const left = (await readdir(folder)).filter((name) => name.startsWith(prefix) && name.endsWith('.tmp'));
    await Promise.all(left.map((name) => rm(join(folder, name), { force: true })));
    this.#prepared = true;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
