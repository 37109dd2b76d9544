// `psi prune`: takes away what PSI made for workloads that are gone. Drop-ins first, then systemd reads them, then the secrets that no unit
// names any more: ended at any step and run again, it goes on where it was, and no start ever finds a line without its secret.

import type { Clock } from '../core/clock.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import type { MappingTable } from '../lookup/mapping-table.ts';
import type { DropInStore } from './drop-in-store.ts';
import {
  dropInRemoval,
  linesBeside,
  mappingRemoval,
  planPrune,
  removalsOf,
  secretRemoval,
  unitsAskedFor,
} from './prune-plan.ts';
import type { PruneFacts, PrunePlan, PruneWish } from './prune-plan.ts';
import type { PruneReport, Removal } from './prune-report.ts';
import type { Quadlets } from './quadlets.ts';
import type { RegisteredSecret } from './registered-secret.ts';
import type { CommandsOfNow, Replaces } from './replaces.ts';
import type { ReloadDebt } from './reload-debt.ts';
import type { SecretRegistry } from './secret-registry.ts';
import type { SecretUsers } from './secret-users.ts';
import type { SetupEvent } from './setup-events.ts';
import { whyThere } from './unclaimed.ts';
import type { UnitManager } from './unit-manager.ts';

export type PruneDeps = {
  readonly registry: SecretRegistry;
  readonly replaces: Pick<Replaces, 'replace'>;
  readonly users: SecretUsers;
  readonly mappings: MappingTable;
  readonly dropIns: DropInStore;
  readonly quadlets: Quadlets;
  readonly units: UnitManager;
  readonly reloadDebt: ReloadDebt;
  /** Temporary files of writes that were killed, each kind in its folders; of before a moment (ms since the epoch). */
  readonly leftovers: readonly {
    readonly find: (before: number) => Promise<readonly string[]>;
    readonly sweep: (before: number) => Promise<readonly string[]>;
  }[];
  readonly clock: Clock;
};

export type PruneRequest = {
  readonly workload: string | undefined;
  /** Otherwise the plan alone. */
  readonly apply: boolean;
};

/** Of one run. */
type Run = {
  readonly wish: PruneWish;
  readonly commands: CommandsOfNow;
  readonly emit: (event: SetupEvent) => void;
  readonly signal: AbortSignal;
};

/** A removal and how it is done. */
type Step = { readonly removal: Removal; readonly work: () => Promise<void> };

type Outcome = { readonly removals: readonly Removal[]; readonly failures: readonly Failure[] };

/** No write takes that long: what is older was killed. */
const WRITE_MS = 600_000;

export class Prune {
  readonly #deps: PruneDeps;

  constructor(deps: PruneDeps) {
    this.#deps = deps;
  }

  async run(run: Run, { apply }: PruneRequest): Promise<PruneReport> {
    await this.#deps.mappings.readAgain();
    const facts = await this.#look(run.wish);
    const plan = planPrune(run.wish, facts);
    if (apply) return this.#apply(run, plan, facts);
    const files = run.wish.only === undefined ? await this.#leftovers() : [];
    return {
      applied: false,
      removals: [...removalsOf(plan, facts), ...files.map(fileRemoval)],
      left: plan.left,
      failures: [],
      notes: notesOf(run.wish, plan, facts),
    };
  }

  async #apply(run: Run, plan: PrunePlan, facts: PruneFacts): Promise<PruneReport> {
    const { mappings } = this.#deps;
    const dropIns = await carriedOut(run, 'drop-ins', this.#dropInSteps(plan, facts));
    const unread = await this.#reload(run);
    // A unit as systemd knows it still names the secrets: they stay until it was told.
    if (unread) return { applied: true, ...both(dropIns, unread), left: plan.left, notes: [] };
    // Containers may have started meanwhile, and a drop-in may have refused to go.
    const now = await this.#look(run.wish);
    const planned = planPrune(run.wish, now);
    const named = linesBeside(new Set(), now);
    const rest = { ...planned, secrets: planned.secrets.filter(({ name }) => !named.has(name)) };
    const secrets = await carriedOut(run, 'secrets and mappings', [
      ...this.#secretSteps(run, rest),
      ...this.#mappingSteps(rest),
    ]);
    const files = run.wish.only === undefined ? await this.#sweep() : NOTHING;
    const outcome = both(both(dropIns, secrets), files);
    const names = await mappings.saveNames().then(() => NOTHING, failed);
    return { applied: true, ...both(outcome, names), left: rest.left, notes: notesOf(run.wish, plan, facts) };
  }

  /** Mappings before secrets: one that a create makes meanwhile is in neither, or in both. */
  async #look(wish: PruneWish): Promise<PruneFacts> {
    const { registry, users, mappings, dropIns, quadlets } = this.#deps;
    // What this host alone has is nobody's to take away but its owner's: by Podman's own command, or `psi sealed remove`.
    const ids = mappings.ids().filter((id) => !mappings.isOwn(id));
    const [{ dropIns: reads }, secrets, present, named] = await Promise.all([
      registry.features(),
      registry.list(),
      dropIns.list(),
      users.list(),
    ]);
    const texts = new Map(reads ? present.map(({ unit, text }) => [unit, text]) : []);
    const there = new Map<string, string>();
    for (const unit of unitsAskedFor(wish, { secrets, dropIns: texts })) {
      const why = await whyThere(quadlets, unit);
      if (why !== undefined) there.set(unit, why);
    }
    const pruned = secrets.filter(({ id }) => !mappings.isOwn(id));
    return { secrets: pruned, dropIns: texts, quadlets: there, users: named, mappings: ids };
  }

  #dropInSteps(plan: PrunePlan, facts: PruneFacts): readonly Step[] {
    const { reloadDebt, dropIns } = this.#deps;
    return plan.dropIns.map((unit) => ({
      removal: dropInRemoval(unit, facts.dropIns.get(unit) ?? ''),
      work: async () => {
        await reloadDebt.owe();
        await dropIns.remove(unit);
      },
    }));
  }

  #secretSteps({ commands }: Run, plan: PrunePlan): readonly Step[] {
    return plan.secrets.map((secret) => ({
      removal: secretRemoval(secret),
      work: () => this.#removeSecret(secret, commands),
    }));
  }

  /**
   * Podman runs the delete command that it froze into the secret. One of an earlier config may ask a socket that is no more: such a secret gets
   * the commands of now first.
   */
  async #removeSecret(secret: RegisteredSecret, commands: CommandsOfNow): Promise<void> {
    const { registry, replaces, mappings } = this.#deps;
    const mapping = mappings.get(secret.id);
    try {
      await registry.remove(secret);
    } catch (thrown) {
      const { options } = commands;
      if (!mapping || secret.options['delete'] === options.delete) throw thrown;
      const id = await replaces.replace({ current: secret, mapping, workload: secret.workload }, commands);
      await registry.remove({ ...secret, id, options });
    }
  }

  #mappingSteps(plan: PrunePlan): readonly Step[] {
    const { mappings } = this.#deps;
    return plan.mappings.map((id) => ({ removal: mappingRemoval(id), work: () => mappings.remove(id) }));
  }

  /** Undefined: systemd knows what is there now. */
  async #reload({ emit }: Run): Promise<Outcome | undefined> {
    const { reloadDebt, units } = this.#deps;
    try {
      if (!(await reloadDebt.owed())) return undefined;
      emit({ event: 'reloading' });
      await units.reload();
      await reloadDebt.settle();
      return undefined;
    } catch (thrown) {
      return failed(thrown);
    }
  }

  async #leftovers(): Promise<readonly string[]> {
    const found = await Promise.all(this.#deps.leftovers.map((kind) => kind.find(this.#before())));
    return found.flat();
  }

  async #sweep(): Promise<Outcome> {
    const done = await Promise.all(
      this.#deps.leftovers.map((kind) =>
        kind.sweep(this.#before()).then((paths) => ({ removals: paths.map(fileRemoval), failures: [] }), failed),
      ),
    );
    return done.reduce<Outcome>(both, NOTHING);
  }

  #before(): number {
    return this.#deps.clock.now() - WRITE_MS;
  }
}

const NOTHING: Outcome = { removals: [], failures: [] };

/** One after another; what fails does not stop the rest, and who asked for it does by going away. */
async function carriedOut({ emit, signal }: Run, what: string, steps: readonly Step[]): Promise<Outcome> {
  let outcome = NOTHING;
  for (const [done, { removal, work }] of steps.entries()) {
    if (signal.aborted) throw endedAt(signal.reason, `${String(done)} of ${String(steps.length)} ${what}`);
    emit({ event: 'applying', workload: null, done, total: steps.length });
    const step = await work().then(() => ({ removals: [removal], failures: [] }), failed);
    outcome = both(outcome, step);
  }
  return outcome;
}

function endedAt(reason: unknown, removed: string): PsiError {
  const { code, message } = toPsiError(reason);
  return new PsiError(code, `prune was ended: ${message}; ${removed} were removed`, {
    hint: 'run the same command again: it goes on where it was',
  });
}

function both(some: Outcome, more: Outcome): Outcome {
  return { removals: [...some.removals, ...more.removals], failures: [...some.failures, ...more.failures] };
}

function failed(thrown: unknown): Outcome {
  return { removals: [], failures: [failureOf(toPsiError(thrown))] };
}

function fileRemoval(path: string): Removal {
  return { action: 'remove-file', workload: null, target: path };
}

/** A name that was mistyped on the command line is nothing to prune, either. */
function notesOf({ only }: PruneWish, { dropIns, secrets, left }: PrunePlan, facts: PruneFacts): readonly string[] {
  if (only === undefined || dropIns.length + secrets.length + left.length > 0) return [];
  const owners = new Set(facts.secrets.flatMap(({ workload }) => workload ?? []));
  const others = owners.size === 0 ? '' : `; it has something of ${[...owners].sort().slice(0, 20).join(', ')}`;
  return [`psi has nothing of a workload ${only}${others}`];
}
