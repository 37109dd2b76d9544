// Sealed values on disk: `sealed/NAME` in the state folder, and `sealed/.aside/NAME~MILLISECONDS` for what was removed or replaced.

import { randomBytes } from 'node:crypto';
import { link, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { SecretValue } from '../../core/secret-value.ts';
import { asideName, isSealedName, readAsideName } from '../../sealed/names.ts';
import { noSuchValue } from '../../sealed/values.ts';
import {
  MOST_VALUE_BYTES,
  type AsideFile,
  type RecoverableFile,
  type SealedAt,
  type SealedFile,
  type SealedFiles,
} from '../../sealed/sealed-files.ts';
import { NONCE_BYTES, type Envelope } from '../../sealing/envelope.ts';
import type { Missed, Recipients } from '../../sealing/recipients.ts';
import { FILE_ID_BYTES, MOST_STANZA_BYTES } from '../../sealing/stanzas.ts';
import { openContent, sealContent } from '../envelope/seal.ts';
import { syncFolder, writeFileAtomic, type WriteStep } from '../files/atomic-write.ts';
import { fileCalls, readBounded } from '../files/file-calls.ts';
import { errnoOf, fileError } from '../files/host-error.ts';
import { DataKeys, type SealingKey } from './data-keys.ts';
import { keyProblem, noRecovery, sealedDefect, storedMeanwhile } from './defects.ts';
import { contentOf, MAGIC, splitSealed, valueOf } from './format.ts';

/** A value with its name, its stanzas and what stands round them. */
const LARGEST = MOST_VALUE_BYTES + MOST_STANZA_BYTES + 1024;

export const SEALED_FOLDER = 'sealed';
/** With a dot, as no name has one in front. */
export const ASIDE_FOLDER = '.aside';

export type SealedStep = 'wrapped' | 'kept' | WriteStep;

export type SealedFolderOptions = {
  readonly stateDir: string;
  /** For kill-point tests: called when a step of a write is done. */
  readonly onStep?: (step: SealedStep) => void;
};

export class SealedFolder implements SealedFiles {
  readonly #recipients: Recipients;
  readonly #keys: DataKeys;
  readonly #dir: string;
  readonly #asideDir: string;
  readonly #onStep: (step: SealedStep) => void;

  constructor(deps: { readonly recipients: Recipients }, { stateDir, onStep = () => undefined }: SealedFolderOptions) {
    this.#recipients = deps.recipients;
    this.#keys = new DataKeys(deps.recipients);
    this.#dir = join(stateDir, SEALED_FOLDER);
    this.#asideDir = join(this.#dir, ASIDE_FOLDER);
    this.#onStep = onStep;
  }

  read(name: string): Promise<SecretValue> {
    return this.#openAt(this.#path(name), name);
  }

  forgetKeys(): void {
    this.#keys.forget();
  }

  async readAt(at: SealedAt): Promise<SecretValue> {
    return this.#openAt(this.#pathOf(at), at.name);
  }

  async readWith(at: SealedAt, fileId: string, dataKey: SecretValue): Promise<SecretValue> {
    const path = this.#pathOf(at);
    const envelope = await this.#envelope(path, at.name);
    if (hex(envelope.fileId) !== fileId) throw storedMeanwhile(path);
    return open(envelope, Uint8Array.from(dataKey.expose()), { path, name: at.name });
  }

  async write(name: string, value: SecretValue, now: number): Promise<readonly Missed[]> {
    const path = this.#path(name);
    const { file, missed } = await this.#sealed({ name, value, now }, await this.#keys.forSealing());
    await this.#replace(path, async () => {
      await this.#makeFolders();
      const kept = await this.#keep(path, { name, asideAt: now });
      this.#onStep('kept');
      await writeFileAtomic(path, file, { mode: 0o600, onStep: this.#onStep }).catch(async (error: unknown) => {
        if (kept !== undefined) await this.#keptForNothing(path, kept, error);
        throw error;
      });
    });
    return missed;
  }

  async rewrite(at: SealedAt, value: SecretValue, now: number): Promise<readonly Missed[]> {
    const path = this.#pathOf(at);
    const { file, missed } = await this.#sealed(
      { name: at.name, value, now },
      await this.#keys.forSealing({ proven: true }),
    );
    await this.#replace(path, () => writeFileAtomic(path, file, { mode: 0o600, onStep: this.#onStep }));
    return missed;
  }

  renewKey(): void {
    this.#keys.renew();
  }

  async list(): Promise<readonly SealedFile[]> {
    const names = (await this.#names(this.#dir)).filter(isSealedName);
    const found = await Promise.all(names.map((name) => this.#facts(name)));
    return found.filter((one) => one !== undefined);
  }

  async listAside(): Promise<readonly AsideFile[]> {
    return (await this.#names(this.#asideDir)).flatMap((name) => readAsideName(name) ?? []);
  }

  async putAside(name: string, now: number): Promise<boolean> {
    const path = this.#path(name);
    try {
      await this.#makeFolders();
      const to = await this.#freeAside({ name, asideAt: now });
      await fileCalls.run(path, () => rename(path, to));
      await this.#sync();
      return true;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw fileError('put aside the sealed secret', path, error);
    }
  }

  async takeBack(file: AsideFile, now: number): Promise<void> {
    const path = this.#path(file.name);
    const from = this.#asidePath(file);
    try {
      await this.#keep(path, { name: file.name, asideAt: now });
      await fileCalls.run(path, () => rename(from, path));
      await this.#sync();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') throw noSuchValue(file.name);
      throw fileError('take back the sealed secret', from, error);
    }
  }

  async isInPlace(file: AsideFile): Promise<boolean> {
    const [aside, there] = await Promise.all([inodeOf(this.#asidePath(file)), inodeOf(this.#path(file.name))]);
    return aside !== undefined && aside === there;
  }

  async removeAside(file: AsideFile): Promise<void> {
    const path = this.#asidePath(file);
    try {
      await fileCalls.run(path, () => rm(path, { force: true }));
    } catch (error) {
      throw fileError('remove the sealed secret', path, error);
    }
  }

  async lacking(name: string): Promise<readonly string[]> {
    const { stanzas } = await this.#envelope(this.#path(name), name);
    const { own, recovery } = this.#recipients;
    return [
      ...own.flatMap(({ backend }) => (stanzas.some(({ kind }) => kind === backend) ? [] : [backend])),
      ...recovery.flatMap(({ parameters }) =>
        stanzas.some((one) => one.parameters === parameters) ? [] : [parameters],
      ),
    ];
  }

  async recoverable({ name, asideAt }: SealedAt): Promise<RecoverableFile> {
    const path = this.#pathOf({ name, asideAt });
    const envelope = await this.#envelope(path, name);
    const stanzas = envelope.stanzas.filter(({ kind }) => kind === 'recovery');
    if (stanzas.length === 0) throw noRecovery(path);
    return { name, asideAt, fileId: hex(envelope.fileId), stanzas };
  }

  async #openAt(path: string, name: string): Promise<SecretValue> {
    const envelope = await this.#envelope(path, name);
    const { stanzas } = envelope;
    const dataKey = await this.#keys.ofFile(stanzas).catch((error: unknown) => {
      throw keyProblem(error, path, stanzas);
    });
    if (dataKey === undefined) throw sealedDefect('other-backend', path, stanzas);
    return open(envelope, dataKey, { path, name });
  }

  async #envelope(path: string, name: string): Promise<Envelope> {
    const envelope = splitSealed(await this.#bytes(path, name));
    if (typeof envelope === 'string') throw sealedDefect(envelope, path);
    return envelope;
  }

  async #bytes(path: string, name: string): Promise<Uint8Array> {
    try {
      return await readBounded(path, LARGEST);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') throw noSuchValue(`the name ${name}`);
      throw fileError('read the sealed secret', path, error);
    }
  }

  async #replace(path: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw fileError('write the sealed secret', path, error);
    }
  }

  /** The whole file. Wipes the key. */
  async #sealed(
    { name, value, now }: { readonly name: string; readonly value: SecretValue; readonly now: number },
    { key, stanzas, missed }: SealingKey,
  ): Promise<{ readonly file: Uint8Array; readonly missed: readonly Missed[] }> {
    try {
      // What is sealed without its recovery key is lost with this host: whoever gives the value still has it, and hears why.
      const unrecoverable = missed.find(({ kind }) => kind === 'recovery');
      if (unrecoverable) throw unrecoverable.error;
      this.#onStep('wrapped');
      const fields = { magic: MAGIC, dataKey: key, stanzas, writtenAt: now };
      const random = { fileId: randomBytes(FILE_ID_BYTES), nonce: randomBytes(NONCE_BYTES) };
      return { file: await sealContent(contentOf(name, value.expose()), { ...fields, ...random }), missed };
    } finally {
      key.fill(0);
    }
  }

  /**
   * What is there lies aside as well from now on, under a second name: at no moment is it gone, of a power cut neither. Answers that name;
   * undefined: nothing is there.
   */
  async #keep(path: string, aside: AsideFile): Promise<string | undefined> {
    const to = await this.#freeAside(aside);
    try {
      await fileCalls.run(path, () => link(path, to));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
    await syncFolder(this.#asideDir);
    return to;
  }

  /** Tries that fail, as on a full disk, must not drive out what was removed. What may have been replaced by now stays aside. */
  async #keptForNothing(path: string, kept: string, error: unknown): Promise<void> {
    if (errnoOf(error) === 'HANGS') return;
    try {
      const [there, aside] = [await inodeOf(path), await inodeOf(kept)];
      if (there === aside) await fileCalls.run(kept, () => rm(kept));
    } catch {
      // It stays, and goes when its time is up.
    }
  }

  /** No other one is replaced, be it of the same millisecond. */
  async #freeAside(file: AsideFile): Promise<string> {
    for (let asideAt = Math.round(file.asideAt); ; asideAt += 1) {
      const path = this.#asidePath({ ...file, asideAt });
      if (!(await exists(path))) return path;
    }
  }

  async #facts(name: string): Promise<SealedFile | undefined> {
    const path = this.#path(name);
    try {
      const facts = await fileCalls.run(path, () => lstat(path));
      return facts.isFile() ? { name, bytes: facts.size, storedAt: Math.round(facts.mtimeMs) } : undefined;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw fileError('look at the sealed secret', path, error);
    }
  }

  async #names(folder: string): Promise<readonly string[]> {
    try {
      return (await fileCalls.run(join(folder, '.'), () => readdir(folder))).toSorted();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw fileError('read the folder', folder, error);
    }
  }

  /** Durable, as what is written into them has to be. */
  async #makeFolders(): Promise<void> {
    const made = await fileCalls.run(this.#asideDir, () => mkdir(this.#asideDir, { recursive: true, mode: 0o700 }));
    if (made === undefined) return;
    await syncFolder(this.#dir);
    await syncFolder(dirname(this.#dir));
  }

  async #sync(): Promise<void> {
    await syncFolder(this.#asideDir);
    await syncFolder(this.#dir);
  }

  #pathOf({ name, asideAt }: SealedAt): string {
    return asideAt === null ? this.#path(name) : this.#asidePath({ name, asideAt });
  }

  #path(name: string): string {
    if (!isSealedName(name)) throw noSuchValue('that name');
    return join(this.#dir, name);
  }

  #asidePath({ name, asideAt }: AsideFile): string {
    if (!isSealedName(name)) throw noSuchValue('that name');
    return join(this.#asideDir, asideName({ name, asideAt }));
  }
}

/** Wipes the key. */
async function open(
  envelope: Envelope,
  dataKey: Uint8Array,
  { path, name }: { readonly path: string; readonly name: string },
): Promise<SecretValue> {
  try {
    const content = await openContent(envelope, dataKey);
    if (typeof content === 'string') throw sealedDefect(content, path);
    const value = valueOf(content, name);
    content.fill(0);
    if (value === undefined) throw sealedDefect('other-name', path);
    return new SecretValue(value);
  } finally {
    dataKey.fill(0);
  }
}

/** Undefined: there is nothing. */
async function inodeOf(path: string): Promise<number | undefined> {
  return fileCalls.run(path, () =>
    lstat(path).then(
      ({ ino }) => ino,
      () => undefined,
    ),
  );
}

async function exists(path: string): Promise<boolean> {
  return (await inodeOf(path)) !== undefined;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
