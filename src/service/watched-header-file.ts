// The header file, with what went wrong with it last: PSI starts without one, and people have to hear of it.

import { toPsiError, type PsiError } from '../core/error.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { HeaderFile } from '../registration/driver-command/header-file.ts';
import { errorFields, type Log } from './log.ts';

export class WatchedHeaderFile implements HeaderFile {
  readonly #file: HeaderFile;
  readonly #log: Pick<Log, 'warn'>;
  #problem: PsiError | undefined;

  constructor(file: HeaderFile, log: Pick<Log, 'warn'>) {
    this.#file = file;
    this.#log = log;
  }

  /** Why the file does not hold the token of the config; undefined: it does, or there is none. */
  get problem(): PsiError | undefined {
    return this.#problem;
  }

  async holds(token: SecretValue): Promise<boolean> {
    const held = await this.#file.holds(token);
    if (held) this.#problem = undefined;
    return held;
  }

  read(): Promise<SecretValue | undefined> {
    return this.#file.read();
  }

  async write(token: SecretValue): Promise<void> {
    try {
      await this.#file.write(token);
      this.#problem = undefined;
    } catch (thrown) {
      this.#problem = toPsiError(thrown);
      this.#log.warn(errorFields(this.#problem), 'podman may send another socket token than the one of the config');
      throw thrown;
    }
  }
}
