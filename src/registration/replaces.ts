// The one way in which PSI has a secret replaced. Podman deletes before it stores, so what it takes to create the secret again is on disk
// first, and stays there until Podman has confirmed the new one: whoever is killed on the way, the secret comes back.

import { PsiError, toPsiError } from '../core/error.ts';
import { failureOf, type WorkloadFailure } from '../core/failure.ts';
import { encodeMapping, sameMapping, type StoredMapping } from '../core/mapping.ts';
import { isSecretId, secretId } from '../core/naming.ts';
import { isOfNewer } from '../core/newer-format.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import type { HeaderFile } from './driver-command/header-file.ts';
import { isPsiOptions } from './driver-command/options.ts';
import { sameOptions, WORKLOAD_LABEL, type DriverOptions, type RegisteredSecret } from './registered-secret.ts';
import { MOST_UNFINISHED, type ReplaceDebt, type UnfinishedReplace } from './replace-debt.ts';
import type { NewSecret, SecretRegistry } from './secret-registry.ts';

export type ReplacesDeps = {
  readonly registry: SecretRegistry;
  readonly mappings: Pick<MappingTable, 'get' | 'learnNames' | 'put' | 'reading' | 'remove'>;
  readonly debt: ReplaceDebt;
  readonly headerFile: Pick<HeaderFile, 'holds' | 'write'>;
  /** Why the commands of Podman would not come to this process; undefined: they do. */
  readonly unreachable: () => Promise<PsiError | undefined>;
};

/** What every secret that is made now gets. */
export type CommandsOfNow = { readonly options: DriverOptions; readonly socketToken: SecretValue | undefined };

export type ToReplace = {
  readonly current: RegisteredSecret;
  readonly mapping: StoredMapping;
  /** For its label. */
  readonly workload: string | undefined;
};

export type Finished = {
  /** Names of the secrets that were gone and are there again. */
  readonly made: readonly string[];
  readonly failed: readonly WorkloadFailure[];
};

export class Replaces {
  readonly #deps: ReplacesDeps;
  readonly #unfinished = new Map<string, UnfinishedReplace>();
  #unread: PsiError | undefined;

  private constructor(deps: ReplacesDeps) {
    this.#deps = deps;
  }

  /** Knows what an earlier process left. Never rejects. */
  static async begin(deps: ReplacesDeps): Promise<Replaces> {
    const replaces = new Replaces(deps);
    try {
      for (const one of await deps.debt.read()) replaces.#unfinished.set(one.name, one);
    } catch (thrown) {
      replaces.#unread = toPsiError(thrown);
    }
    return replaces;
  }

  /** Names of the secrets that Podman was asked to replace and may have lost. */
  get unfinished(): readonly string[] {
    return [...this.#unfinished.keys()];
  }

  /** Which secrets may be gone cannot be told. */
  get unread(): PsiError | undefined {
    return this.#unread;
  }

  /** Does the mapping of this id stay when Podman deletes the secret? Killed after that it still has it, and starts still ask for it. */
  holds(id: string): boolean {
    return [...this.#unfinished.values()].some((one) => one.id === id);
  }

  /** Resolves to the new id. `attempt` counts from 0: at a further one Podman is asked first what became of the one before. */
  async replace({ current, mapping, workload }: ToReplace, commands: CommandsOfNow, attempt = 0): Promise<string> {
    const { registry } = this.#deps;
    const { options } = commands;
    const { name } = current;
    const found = attempt === 0 ? current : await this.#find(name);
    if (found && attempt > 0 && sameOptions(options, found.options) && this.#deps.mappings.get(found.id))
      return this.#settled(name, found.id);
    await this.#assertReachable(commands);
    await this.#owe({ name, id: found?.id ?? current.id, mapping, workload });
    const secret = newSecret({ name, mapping, workload }, options);
    // Somebody else may have taken the name meanwhile: then the create is refused, and says so.
    const id = found && isOurs(found) ? await registry.replace(found, secret) : await registry.create(secret);
    assertStored(this.#deps.mappings, id, name);
    return this.#settled(name, id);
  }

  /**
   * Creates again what a replace that was cut short left gone, with the commands of now. What fails is owed as before. Fails with HOST where
   * Podman cannot be asked.
   */
  async finish(commands: CommandsOfNow): Promise<Finished> {
    if (this.#unfinished.size === 0) return { made: [], failed: [] };
    await this.#assertReachable(commands);
    const made: string[] = [];
    const failed: WorkloadFailure[] = [];
    const there = await this.#deps.registry.list();
    for (const owed of [...this.#unfinished.values()]) {
      try {
        if (await this.#finishOne(owed, there, commands.options)) made.push(owed.name);
      } catch (thrown) {
        failed.push({ workload: owed.workload ?? null, ...failureOf(stillGone(owed.name, toPsiError(thrown))) });
      }
    }
    return { made, failed };
  }

  /** A setup goes over all that the config has: but for a newer PSI's, what could not be read is not needed any more. Fails with HOST. */
  async forgetUnread(): Promise<void> {
    if (!this.#unread || isOfNewer(this.#unread)) return;
    await this.#deps.debt.write([...this.#unfinished.values()]);
    this.#unread = undefined;
  }

  /** A store that comes to nobody, or is refused, comes after the delete. */
  async #assertReachable({ socketToken }: CommandsOfNow): Promise<void> {
    const { headerFile, unreachable } = this.#deps;
    const problem = await unreachable();
    if (problem) throw problem;
    if (socketToken && !(await headerFile.holds(socketToken))) await headerFile.write(socketToken);
  }

  /** True: it was gone. */
  async #finishOne(
    owed: UnfinishedReplace,
    there: readonly RegisteredSecret[],
    options: DriverOptions,
  ): Promise<boolean> {
    const { mappings, registry } = this.#deps;
    const { name, mapping } = owed;
    const found = there.find((secret) => secret.name === name);
    if (!found) {
      const id = await registry.create(newSecret(owed, options));
      assertStored(mappings, id, name);
      await this.#settled(name, id);
      return true;
    }
    if (!isOurs(found) || !isSecretId(found.id)) return this.#forget(name);
    // Killed between the delete command and its own note of it, Podman still has the secret, and an earlier PSI no mapping any more.
    await mappings.reading(found.id);
    if (!mappings.get(found.id)) await mappings.put(found.id, mapping);
    await this.#settled(name, found.id);
    return false;
  }

  async #find(name: string): Promise<RegisteredSecret | undefined> {
    return (await this.#deps.registry.list()).find((secret) => secret.name === name);
  }

  async #owe(one: UnfinishedReplace): Promise<void> {
    // It may be all that knows of a secret which is gone.
    if (this.#unread && isOfNewer(this.#unread)) throw this.#unread;
    const before = this.#unfinished.get(one.name);
    if (!before && this.#unfinished.size >= MOST_UNFINISHED) throw tooMany();
    if (before?.id === one.id && sameMapping(before.mapping, one.mapping)) return;
    this.#unfinished.set(one.name, one);
    try {
      await this.#deps.debt.write([...this.#unfinished.values()]);
    } catch (thrown) {
      if (before) this.#unfinished.set(one.name, before);
      else this.#unfinished.delete(one.name);
      throw thrown;
    }
  }

  /** Podman has it, under this id. */
  async #settled(name: string, id: string): Promise<string> {
    const { mappings } = this.#deps;
    mappings.learnNames([{ id, name }]);
    const before = this.#unfinished.get(name);
    await this.#forget(name);
    if (before && before.id !== id) await mappings.remove(secretId(before.id));
    return id;
  }

  async #forget(name: string): Promise<false> {
    if (this.#unfinished.delete(name)) await this.#deps.debt.write([...this.#unfinished.values()]);
    return false;
  }
}

/** Podman answered a create, so its store command must have reached this process. If another one answered it, lookups would fail. */
export function assertStored(mappings: Pick<MappingTable, 'get'>, id: string, name: string): void {
  if (mappings.get(id)) return;
  throw new PsiError('HOST', `podman registered ${name}, but its mapping did not arrive at this psi`, {
    hint: 'is another psi answering on the socket? see `systemctl status psi.socket psi.service`',
  });
}

export function newSecret(
  { name, mapping, workload }: Pick<UnfinishedReplace, 'name' | 'mapping' | 'workload'>,
  options: DriverOptions,
): NewSecret {
  const labels = workload === undefined ? {} : { [WORKLOAD_LABEL]: workload };
  return { name, body: encodeMapping(mapping), options, labels };
}

function isOurs({ driver, options }: RegisteredSecret): boolean {
  return driver === 'shell' && isPsiOptions(options);
}

function stillGone(name: string, error: PsiError): PsiError {
  return new PsiError(error.code, `podman lost ${name} in the middle of a replace: ${error.message}`, {
    hint: `psi creates it again as soon as that is mended; to try now, \`podman exec psi psi setup\`; ${error.hint ?? 'see `journalctl -u podman.service`'}`,
    retry: 'later',
    cause: error,
  });
}

function tooMany(): PsiError {
  return new PsiError('HOST', `podman has not confirmed ${String(MOST_UNFINISHED)} replaces: no further one is begun`, {
    hint: 'see `journalctl -u podman.service`, then run `podman exec psi psi setup`: it finishes them first',
  });
}
