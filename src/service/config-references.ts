// What the config refers to and cannot be read now: served without it is what can be, and people hear of the rest.

import type { Config } from '../config/config.ts';
import type { SecretDeps } from '../config/schema/secret-field.ts';
import { unreadable } from '../config/unreadable.ts';
import type { PsiError } from '../core/error.ts';
import { errorFields, type Log } from './log.ts';

export type ConfigReferencesDeps = SecretDeps & { readonly log: Pick<Log, 'warn'> };

export class ConfigReferences {
  readonly #deps: ConfigReferencesDeps;
  #unreadable: readonly PsiError[] = [];

  constructor(deps: ConfigReferencesDeps) {
    this.#deps = deps;
  }

  /** As it was found last. */
  get unreadable(): readonly PsiError[] {
    return this.#unreadable;
  }

  /** Never fails. What was known already is not logged again. */
  async look(config: Partial<Config>): Promise<void> {
    const known = this.#unreadable.map(({ message }) => message);
    this.#unreadable = await unreadable(config, this.#deps);
    const fresh = this.#unreadable.filter(({ message }) => !known.includes(message));
    for (const problem of fresh)
      this.#deps.log.warn(errorFields(problem), 'something that the config refers to cannot be read');
  }
}
