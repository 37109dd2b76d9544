// Mappings on disk: one file per secret id in the state folder. Only these files are touched; everything else that lives there
// (dot files, `*.bad`, `cache.enc`, `tls/`, `sealed/`, `driver.hdr`) has a dot or is a folder, and so is never an id.

import { close, constants, open, read } from 'node:fs';
import type { Dirent } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { PsiError } from '../../core/error.ts';
import {
  decodeStored,
  encodeMapping,
  MAPPING_FORMAT,
  MAX_BODY_BYTES,
  MAX_MAPPING_BYTES,
  newerMappingFormat,
} from '../../core/mapping.ts';
import type { StoredMapping } from '../../core/mapping.ts';
import { isSecretId, type SecretId } from '../../core/naming.ts';
import { newerFormat } from '../../core/newer-format.ts';
import type { MappingStore } from '../../lookup/mapping-store.ts';
import { syncFolder, writeFileAtomic } from './atomic-write.ts';
import { fileCalls } from './file-calls.ts';
import { errnoOf, fileError } from './host-error.ts';

/** Enough to keep the threads for files busy, few enough that 5,000 mappings do not open 5,000 files. */
const READERS = 16;

/** Read under one bound: a bound for each file made 12 MB of garbage of 5,000. */
const AT_ONCE = 50;

const WRITE_ANEW =
  'run `podman exec psi psi setup`: it writes the file of a secret that a workload has anew; any other, remove with `podman secret rm`';

/** It may hold a value, which nobody else has. */
const ANEW = 'have it made anew: `podman secret rm` takes the secret, `podman exec psi psi setup` registers it again';

const READ_AGAIN =
  'make it readable for psi (`ls -ld` shows its mode), then run `podman exec psi psi setup`: it reads it again';

// Plain descriptors: measured at 5,000 files, they take 0.2 s where file handles take 0.5 s, and PSI's start waits for this.
const openFile = promisify(open);
const readFile = promisify(read);
const closeFile = promisify(close);

/** Undefined: there is no such file. */
type Found = StoredMapping | PsiError | undefined;

export class MappingFiles implements MappingStore {
  readonly #dir: string;

  constructor(options: { readonly stateDir: string }) {
    this.#dir = options.stateDir;
  }

  async loadAll(): ReturnType<MappingStore['loadAll']> {
    const ids = await this.ids();
    const mappings = new Map<SecretId, StoredMapping>();
    const unusable = new Map<SecretId, PsiError>();
    let next = 0;
    const take = (): readonly SecretId[] => ids.slice(next, (next += AT_ONCE));
    const reader = async (): Promise<void> => {
      for (let some = take(); some.length > 0; some = take()) {
        for (const [id, found] of await this.#readSome(some)) {
          if (found instanceof PsiError) unusable.set(id, found);
          else if (found) mappings.set(id, found);
        }
      }
    };
    await Promise.all(Array.from({ length: READERS }, reader));
    return { mappings, unusable: new Map([...unusable].sort(([a], [b]) => (a < b ? -1 : 1))) };
  }

  async ids(): Promise<readonly SecretId[]> {
    let entries: readonly Dirent[];
    try {
      entries = await fileCalls.run(join(this.#dir, '.'), () => readdir(this.#dir, { withFileTypes: true }));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      const { message, cause } = fileError('read the state folder', this.#dir, error);
      throw new PsiError('HOST', message, { hint: READ_AGAIN, cause });
    }
    return entries.filter((entry) => entry.isFile()).flatMap(({ name }) => (isSecretId(name) ? [name] : []));
  }

  async put(id: SecretId, mapping: StoredMapping): Promise<void> {
    const path = this.#path(id);
    try {
      await fileCalls.run(path, () => mkdir(this.#dir, { recursive: true, mode: 0o700 }));
      await writeFileAtomic(path, encodeMapping(mapping), { mode: 0o600 });
    } catch (error) {
      throw fileError('write the mapping', path, error);
    }
  }

  async remove(id: SecretId): Promise<void> {
    const path = this.#path(id);
    try {
      await fileCalls.run(path, () => rm(path));
      await syncFolder(this.#dir);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw fileError('remove the mapping', path, error);
    }
  }

  read(id: SecretId): Promise<Found> {
    const path = join(this.#dir, id);
    const buffer = mappingBuffer();
    return this.#found(id, () => fileCalls.run(path, () => readInto(buffer, path)));
  }

  /** Which of them hangs has an error of its own, and the others their mappings. */
  async #readSome(ids: readonly SecretId[]): Promise<ReadonlyMap<SecretId, Found>> {
    const read = new Map<SecretId, Found>();
    // Nobody else's: a read that hangs may write into it later.
    const buffer = mappingBuffer();
    await fileCalls
      .run(join(this.#dir, '.'), async (signal) => {
        for (const id of ids)
          if (!signal.aborted) read.set(id, await this.#found(id, () => readInto(buffer, this.#path(id))));
      })
      .catch((error: unknown) => {
        const hung = ids.find((id) => !read.has(id));
        if (hung !== undefined) read.set(hung, this.#problem(hung, error));
      });
    const left = ids.filter((id) => !read.has(id));
    return left.length === 0 ? read : new Map([...read, ...(await this.#readSome(left))]);
  }

  async #found(id: SecretId, readBytes: () => Promise<Buffer | undefined>): Promise<Found> {
    try {
      const bytes = await readBytes();
      const text = bytes?.toString('utf8') ?? '';
      const mapping = decodeStored(text);
      if (mapping) return mapping;
      const format = newerMappingFormat(text);
      if (format !== undefined) return this.#ofNewer(id, format);
      return new PsiError('NOT_FOUND', `the file ${join(this.#dir, id)} holds no mapping`, { hint: WRITE_ANEW });
    } catch (error) {
      return errnoOf(error) === 'ENOENT' ? undefined : this.#problem(id, error);
    }
  }

  #ofNewer(id: SecretId, found: number): PsiError {
    return newerFormat(`the mapping ${join(this.#dir, id)}`, { found, known: MAPPING_FORMAT }, ANEW);
  }

  #problem(id: SecretId, error: unknown): PsiError {
    const { message, cause } = fileError('read the mapping', join(this.#dir, id), error);
    return new PsiError('HOST', message, { hint: WRITE_ANEW, cause });
  }

  #path(id: string): string {
    if (!isSecretId(id)) throw new PsiError('BAD_REQUEST', 'not a secret id');
    return join(this.#dir, id);
  }
}

/** For all but those that hold a value, encrypted. */
function mappingBuffer(): Buffer {
  return Buffer.alloc(MAX_MAPPING_BYTES + 1);
}

/** Undefined: it is larger than any mapping. */
async function readInto(buffer: Buffer, path: string): Promise<Buffer | undefined> {
  // The open of a FIFO would wait for somebody who writes.
  const file = await openFile(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { bytesRead } = await readFile(file, buffer, 0, buffer.length, null);
    return bytesRead > MAX_MAPPING_BYTES ? await readLarge(file) : buffer.subarray(0, bytesRead);
  } finally {
    await closeFile(file);
  }
}

/** What is larger still is no mapping, and need not be read to know it. */
async function readLarge(file: number): Promise<Buffer | undefined> {
  const buffer = Buffer.alloc(MAX_BODY_BYTES + 1);
  const { bytesRead } = await readFile(file, buffer, 0, buffer.length, 0);
  return bytesRead > MAX_BODY_BYTES ? undefined : buffer.subarray(0, bytesRead);
}
