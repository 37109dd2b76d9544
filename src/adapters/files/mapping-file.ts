// Mappings on disk: one file per secret id in the state folder. Only these files are touched; everything else that lives there
// (dot files, `*.bad`, `cache.enc`, `tls/`, `driver.hdr`) has a dot or is a folder, and so is never an id.

import { close, constants, open, read } from 'node:fs';
import type { Dirent } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { PsiError } from '../../core/error.ts';
import { decodeStored, encodeMapping, MAX_BODY_BYTES, MAX_MAPPING_BYTES } from '../../core/mapping.ts';
import type { StoredMapping } from '../../core/mapping.ts';
import { isSecretId, type SecretId } from '../../core/naming.ts';
import type { MappingStore } from '../../lookup/mapping-store.ts';
import { syncFolder, writeFileAtomic } from './atomic-write.ts';
import { fileCalls } from './file-calls.ts';
import { errnoOf, fileError } from './host-error.ts';

/** Enough to keep the threads for files busy, few enough that 5,000 mappings do not open 5,000 files. */
const READERS = 16;

const WRITE_ANEW =
  'run `podman exec psi psi setup`: it writes the file of a secret that a workload has anew; any other, remove with `podman secret rm`';

const READ_AGAIN =
  'make it readable for psi (`ls -ld` shows its mode), then run `podman exec psi psi setup`: it reads it again';

// Plain descriptors: measured at 5,000 files, they take 0.2 s where file handles take 0.5 s, and PSI's start waits for this.
const openFile = promisify(open);
const readFile = promisify(read);
const closeFile = promisify(close);

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
    const reader = async (): Promise<void> => {
      // One that is larger holds a value that is encrypted, or no mapping at all, and gets a buffer of its own.
      const buffer = Buffer.alloc(MAX_MAPPING_BYTES + 1);
      for (let id = ids[next++]; id !== undefined; id = ids[next++]) {
        const found = await this.#readInto(buffer, id);
        if (found instanceof PsiError) unusable.set(id, found);
        else if (found) mappings.set(id, found);
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

  read(id: SecretId): Promise<StoredMapping | PsiError | undefined> {
    return this.#readInto(Buffer.alloc(MAX_MAPPING_BYTES + 1), id);
  }

  async #readInto(buffer: Buffer, id: SecretId): Promise<StoredMapping | PsiError | undefined> {
    const path = join(this.#dir, id);
    try {
      const length = await fileCalls.run(path, () => readInto(buffer, path));
      if (length > MAX_MAPPING_BYTES && buffer.length <= MAX_BODY_BYTES) {
        return await this.#readInto(Buffer.alloc(MAX_BODY_BYTES + 1), id);
      }
      const mapping = length > MAX_BODY_BYTES ? undefined : decodeStored(buffer.toString('utf8', 0, length));
      return mapping ?? new PsiError('NOT_FOUND', `the file ${path} holds no mapping`, { hint: WRITE_ANEW });
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      const { message, cause } = fileError('read the mapping', path, error);
      return new PsiError('HOST', message, { hint: WRITE_ANEW, cause });
    }
  }

  #path(id: string): string {
    if (!isSecretId(id)) throw new PsiError('BAD_REQUEST', 'not a secret id');
    return join(this.#dir, id);
  }
}

async function readInto(buffer: Buffer, path: string): Promise<number> {
  // The open of a FIFO would wait for somebody who writes.
  const file = await openFile(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return (await readFile(file, buffer, 0, buffer.length, null)).bytesRead;
  } finally {
    await closeFile(file);
  }
}
