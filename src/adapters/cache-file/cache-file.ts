// The cache on disk: reads and replaces one file. Each save has a fresh data key, which only its recipients can give back; neither it nor
// the plaintext outlives the call.

import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { PsiError } from '../../core/error.ts';
import { SecretValue } from '../../core/secret-value.ts';
import type { CacheFile, CacheFileContent, Recoverable, Saved } from '../../cache/cache-file.ts';
import { NONCE_BYTES } from '../../sealing/envelope.ts';
import { DATA_KEY_BYTES } from '../../sealing/key-wrapper.ts';
import { recipientStates, type RecipientState } from '../../sealing/recipient-state.ts';
import { unwrapWithAny, wrapForAll, type Recipients } from '../../sealing/recipients.ts';
import { FILE_ID_BYTES } from '../../sealing/stanzas.ts';
import { syncFolder, writeFileAtomic, type WriteStep } from '../files/atomic-write.ts';
import { fileCalls, readBounded } from '../files/file-calls.ts';
import { errnoOf, fileError } from '../files/host-error.ts';
import { cacheDefect, noFile, noRecovery, savedMeanwhile, withRecovery } from './defects.ts';
import { splitCacheFile, type CacheEnvelope } from './format.ts';
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
  readonly #recipients: Recipients;
  readonly #path: string;
  readonly #onStep: (step: SaveStep) => void;
  #prepared = false;

  constructor(
    deps: { readonly recipients: Recipients },
    { path, onStep = () => undefined }: EncryptedCacheFileOptions,
  ) {
    this.#recipients = deps.recipients;
    this.#path = path;
    this.#onStep = onStep;
  }

  async read(): Promise<CacheFileContent | undefined> {
    const envelope = await this.#envelope();
    if (envelope === undefined) {
      await this.#tryKeys();
      return undefined;
    }
    try {
      return await this.#contentOf(envelope, await this.#unwrap(envelope));
    } catch (error) {
      throw withRecovery(error, envelope.stanzas);
    }
  }

  async readWith(fileId: string, dataKey: SecretValue): Promise<CacheFileContent> {
    const envelope = await this.#envelope();
    if (envelope === undefined) throw noFile(this.#path);
    if (hex(envelope.fileId) !== fileId) throw savedMeanwhile(this.#path);
    return this.#contentOf(envelope, Uint8Array.from(dataKey.expose()));
  }

  async recoverable(): Promise<Recoverable | undefined> {
    const envelope = await this.#envelope();
    if (envelope === undefined) return undefined;
    const stanzas = envelope.stanzas.filter(({ kind }) => kind === 'recovery');
    if (stanzas.length === 0) throw noRecovery(this.#path);
    return { fileId: hex(envelope.fileId), stanzas };
  }

  async recipients({ logIn }: { readonly logIn: boolean }): Promise<readonly RecipientState[] | undefined> {
    const envelope = await this.#envelope();
    if (envelope === undefined) return undefined;
    const altered = cacheDefect('header-altered', this.#path);
    return recipientStates(this.#recipients, envelope.stanzas, {
      logIn,
      problemWith: (dataKey) => (envelope.isAuthenticHeader(dataKey) ? undefined : altered),
    });
  }

  async write({ entries, writtenAt }: CacheFileContent): Promise<Saved> {
    const dataKey = randomBytes(DATA_KEY_BYTES);
    try {
      const { stanzas, missed } = await wrapForAll(this.#recipients, new SecretValue(dataKey));
      this.#onStep('wrapped');
      const fileId = randomBytes(FILE_ID_BYTES);
      const file = await sealEntries(entries, { dataKey, fileId, nonce: randomBytes(NONCE_BYTES), writtenAt, stanzas });
      this.#onStep('sealed');
      await this.#replace(file);
      return { bytes: file.length, missed };
    } finally {
      dataKey.fill(0);
    }
  }

  async #replace(file: Uint8Array): Promise<void> {
    try {
      await fileCalls.run(this.#path, () => this.#prepareFolder());
      await writeFileAtomic(this.#path, file, { mode: 0o600, onStep: this.#onStep });
    } catch (error) {
      throw fileError('write the cache', this.#path, error);
    }
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

  async #envelope(): Promise<CacheEnvelope | undefined> {
    const bytes = await this.#bytes();
    if (bytes === undefined) return undefined;
    const envelope = splitCacheFile(bytes);
    if (typeof envelope === 'string') throw cacheDefect(envelope, this.#path);
    return envelope;
  }

  async #bytes(): Promise<Uint8Array | undefined> {
    try {
      return await readBounded(this.#path, LARGEST);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw fileError('read the cache', this.#path, error);
    }
  }

  /** Without a file nothing would ask for a key before the first save, and a cache that can keep nothing would pass for ready. */
  async #tryKeys(): Promise<void> {
    const found = await Promise.all(this.#recipients.own.map((keys) => keys.describe()));
    const problems = found.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
    const [problem] = problems;
    if (problem === undefined || problems.length < found.length) return;
    const { code, message, hint, retry, details } = problem;
    throw new PsiError(code, message, {
      ...(hint === undefined ? {} : { hint }),
      retry,
      details: { ...details, file: 'none' },
      cause: problem,
    });
  }

  async #unwrap({ stanzas }: CacheEnvelope): Promise<Uint8Array> {
    const dataKey = await unwrapWithAny(this.#recipients.own, stanzas).catch((error: unknown) => {
      if (!(error instanceof PsiError) || error.code !== 'CACHE_CORRUPT') throw error;
      throw cacheDefect(error.details['reason'] === 'version' ? 'key-version' : 'key-damaged', this.#path);
    });
    const kinds = stanzas.map(({ kind }) => kind);
    if (dataKey === undefined) throw cacheDefect('other-backend', this.#path, kinds);
    // Not a copy: the wrapper keeps none, and this one is wiped.
    return dataKey.expose();
  }

  /** Wipes the key. */
  async #contentOf(envelope: CacheEnvelope, dataKey: Uint8Array): Promise<CacheFileContent> {
    try {
      const entries = await openEntries(envelope, dataKey);
      if (typeof entries === 'string') throw cacheDefect(entries, this.#path);
      return { entries, writtenAt: envelope.writtenAt };
    } finally {
      dataKey.fill(0);
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

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
