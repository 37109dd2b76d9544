// Carries out planned changes, one after another: Podman does them one by one anyway, under its lock.

import { PsiError, toPsiError } from '../core/error.ts';
import { RetryBudget, withRetries } from '../core/retry.ts';
import { secretId } from '../core/naming.ts';
import type { Change } from './plan.ts';
import { assertStored, newSecret, type Replaces } from './replaces.ts';
import { sameOptions, type DriverOptions } from './registered-secret.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { Clock } from '../core/clock.ts';
import type { DropInStore } from './drop-in-store.ts';
import type { ReloadDebt } from './reload-debt.ts';
import type { HeaderFile } from './driver-command/header-file.ts';
import type { SecretRegistry } from './secret-registry.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import type { SetupEvent } from './setup-events.ts';

export type ApplyDeps = {
  readonly registry: SecretRegistry;
  readonly mappings: MappingTable;
  readonly replaces: Pick<Replaces, 'replace'>;
  readonly dropIns: DropInStore;
  readonly reloadDebt: ReloadDebt;
  readonly headerFile: HeaderFile;
  readonly clock: Clock;
  readonly options: DriverOptions;
  readonly socketToken: SecretValue | undefined;
  readonly emit: (event: SetupEvent) => void;
  /** Ends the run between two changes. A call to Podman that has begun is waited for: what it did would be unknown. */
  readonly signal: AbortSignal;
};

export type FailedChange = { readonly change: Change; readonly error: PsiError };

/** What became of the changes of one step. */
export type Applied = {
  readonly done: readonly Change[];
  readonly failed: readonly FailedChange[];
  /** The run was ended before them. */
  readonly undone: readonly Change[];
};

/** Pauses before Podman is asked again: it may be restarting, or its lock is held by a slow start. */
const PODMAN_PAUSES_MS: readonly number[] = [500, 2_000, 5_000];

/** What all further tries of one run may take. One call that Podman never answers is longer. */
const PODMAN_BUDGET_MS = 20_000;

/** Carries out the changes of one run. */
export class PlanCarrier {
  readonly #deps: ApplyDeps;
  readonly #budget = new RetryBudget(PODMAN_BUDGET_MS);
  /** Podman could not be asked, after all tries: it is not asked again in this run. */
  #away: PsiError | undefined;

  constructor(deps: ApplyDeps) {
    this.#deps = deps;
  }

  /** Applies in order; a change that fails does not stop the rest. */
  async all(changes: readonly Change[]): Promise<Applied> {
    const { emit, signal } = this.#deps;
    const done: Change[] = [];
    const failed: FailedChange[] = [];
    for (const [index, change] of changes.entries()) {
      if (signal.aborted) return { done, failed, undone: changes.slice(index) };
      emit({ event: 'applying', workload: change.workload ?? null, done: index, total: changes.length });
      try {
        await this.#one(change);
        done.push(change);
      } catch (thrown) {
        // The end came while Podman was waited for: whether this change can be made is not known.
        if (thrown === signal.reason) return { done, failed, undone: changes.slice(index) };
        failed.push({ change, error: toPsiError(thrown) });
      }
    }
    return { done, failed, undone: [] };
  }

  async #one(change: Change): Promise<void> {
    const { mappings, dropIns, headerFile, reloadDebt, replaces, socketToken } = this.#deps;
    switch (change.action) {
      case 'write-header':
        if (socketToken) await headerFile.write(socketToken);
        return;
      case 'create': {
        const id = await this.#withRetries((attempt) => this.#create(change, attempt));
        mappings.learnNames([{ id, name: change.name }]);
        assertStored(mappings, id, change.name);
        return;
      }
      case 'remap':
        return mappings.put(secretId(change.id), change.mapping);
      case 'replace':
        await this.#withRetries((attempt) => replaces.replace(change, this.#deps, attempt));
        return;
      case 'write-drop-in':
        await reloadDebt.owe();
        await dropIns.write({ unit: change.unit, text: change.text });
        return;
      case 'remove-drop-in':
        await reloadDebt.owe();
        await dropIns.remove(change.unit);
        return;
    }
  }

  // A create that failed on the way back may have been carried out: asking again would find the name in use.
  async #create(change: Extract<Change, { action: 'create' }>, attempt: number): Promise<string> {
    const { registry, mappings, options } = this.#deps;
    const made = attempt === 0 ? undefined : (await registry.list()).find((secret) => secret.name === change.name);
    if (!made || !sameOptions(options, made.options)) return registry.create(newSecret(change, options));
    await mappings.put(secretId(made.id), change.mapping);
    return made.id;
  }

  async #withRetries<T>(call: (attempt: number) => Promise<T>): Promise<T> {
    if (this.#away) throw this.#away;
    const { clock, signal } = this.#deps;
    try {
      return await withRetries({ pausesMs: PODMAN_PAUSES_MS, budget: () => this.#budget }, { clock, signal }, call);
    } catch (thrown) {
      if (thrown instanceof PsiError && thrown.details['answered'] === false) this.#away = thrown;
      throw thrown;
    }
  }
}
