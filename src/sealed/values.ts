// Sealed values as lookups and commands have them: opened once, then held in memory up to a bound, because what opens one may be a card
// that takes seconds; written one after another.

import type { Clock } from '../core/clock.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import { Mutex } from '../core/mutex.ts';
import { SecretValue } from '../core/secret-value.ts';
import type { Missed } from '../sealing/recipients.ts';
import { isSealedName } from './names.ts';
import { OpenedValues } from './opened-values.ts';
import { MOST_VALUE_BYTES, type AsideFile, type SealedAt, type SealedFiles } from './sealed-files.ts';

export type SealedValuesDeps = { readonly files: SealedFiles; readonly clock: Pick<Clock, 'now'> };

/** `keepMs`: how long what was removed or replaced lies aside. */
export type SealedValuesOptions = { readonly keepMs: number; readonly mostAside?: number };

/** At their largest one gigabyte, as they usually are two megabytes. */
const MOST_ASIDE = 2_000;

export class SealedValues {
  readonly #files: SealedFiles;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #keepMs: number;
  readonly #mostAside: number;
  readonly #opened = new OpenedValues();
  readonly #writes = new Mutex();

  constructor({ files, clock }: SealedValuesDeps, { keepMs, mostAside = MOST_ASIDE }: SealedValuesOptions) {
    this.#files = files;
    this.#clock = clock;
    this.#keepMs = keepMs;
    this.#mostAside = mostAside;
  }

  /** `name` may be anything. */
  read(name: string): SecretValue | Promise<SecretValue> {
    if (!isSealedName(name)) throw noSuchValue('that name');
    return this.#opened.get(name, () => this.#files.read(name));
  }

  store(name: string, value: SecretValue): Promise<readonly Missed[]> {
    if (value.byteLength < 1 || value.byteLength > MOST_VALUE_BYTES) throw badSize(value.byteLength);
    // Its owner may wipe it while the TPM or HSM is asked.
    const kept = new SecretValue(Uint8Array.from(value.expose()));
    return this.#writes.run(async () => {
      const missed = await this.#files.write(name, kept, this.#clock.now());
      this.#opened.remember(name, kept);
      await this.#sweepByTheWay();
      return missed;
    });
  }

  /**
   * The same value, sealed anew where it lies. `read` gives it, in one turn with the writing: what is stored or removed meanwhile comes before
   * or after, and is never undone. One that cannot be written is looked up all the same, until the end of this process.
   */
  rewrite(at: SealedAt, read: () => Promise<SecretValue>): Promise<readonly Missed[]> {
    return this.#writes.run(async () => {
      const value = await read();
      if (at.asideAt === null) this.#opened.remember(at.name, value);
      return this.#files.rewrite(at, value, this.#clock.now()).catch((error: unknown) => {
        throw notSealedAnew(toPsiError(error));
      });
    });
  }

  /** It lies aside from now on; false: there is none. */
  remove(name: string): Promise<boolean> {
    if (!isSealedName(name)) return Promise.resolve(false);
    return this.#writes.run(async () => {
      const removed = await this.#files.putAside(name, this.#clock.now());
      this.#opened.forget(name);
      await this.#sweepByTheWay();
      return removed;
    });
  }

  /** The one of this name that was put aside last, in its place again. NOT_FOUND: none lies aside. */
  restore(name: string): Promise<AsideFile> {
    return this.#writes.run(async () => {
      const found = await this.newestAside(name);
      await this.#files.takeBack(found, this.#clock.now());
      this.#opened.forget(name);
      return found;
    });
  }

  async newestAside(name: string): Promise<AsideFile> {
    const all = (await this.#files.listAside()).filter((one) => one.name === name);
    for (const one of all.toSorted((a, b) => b.asideAt - a.asideAt)) {
      if (!(await this.#files.isInPlace(one))) return one;
    }
    throw new PsiError('NOT_FOUND', `no sealed secret ${name} lies aside`, {
      hint: '`podman exec psi psi sealed list` shows those that do',
    });
  }

  /** When one that lies aside goes for good; milliseconds since 1970. */
  goesAt({ asideAt }: AsideFile): number {
    return asideAt + this.#keepMs;
  }

  /** Removes what has lain aside long enough. */
  sweep(): Promise<void> {
    return this.#writes.run(() => this.#sweep());
  }

  /** What could not be removed is no failure of a write that went well: the sweep of the next start says so. */
  async #sweepByTheWay(): Promise<void> {
    await this.#sweep().catch(() => undefined);
  }

  /**
   * A clock that was wrong when something was put aside, as at a boot without one, must not take it away early: stamps of the future stay.
   * The oldest go before their time only where a script that replaces a value over and over would fill the disk.
   */
  async #sweep(): Promise<void> {
    const now = this.#clock.now();
    const newestFirst = (await this.#files.listAside()).toSorted((a, b) => b.asideAt - a.asideAt);
    for (const [index, file] of newestFirst.entries()) {
      if (index >= this.#mostAside || this.goesAt(file) < now) await this.#files.removeAside(file);
    }
  }
}

export function noSuchValue(what: string): PsiError {
  return new PsiError('NOT_FOUND', `there is no sealed secret of ${what}`, {
    hint: '`podman exec psi psi sealed list` shows those that there are and those that lie aside; `sealed store NAME` makes one',
  });
}

function notSealedAnew({ code, message, hint, retry, details, cause }: PsiError): PsiError {
  return new PsiError(code, `opened, and not sealed anew: ${message}`, {
    hint: `${hint ?? 'see `journalctl -u psi`'}; then the same command again: until psi stops, lookups are answered, and the file is as it was`,
    ...{ retry, details, cause },
  });
}

function badSize(bytes: number): PsiError {
  return new PsiError(
    'BAD_REQUEST',
    `a sealed secret has 1 to ${String(MOST_VALUE_BYTES)} bytes, and this has ${String(bytes)}`,
    {
      hint: 'Podman takes no other either: a larger file belongs into a volume of its own',
    },
  );
}
