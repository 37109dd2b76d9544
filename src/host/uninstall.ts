// `psi uninstall`: takes away all that install and setup made, in an order in which no start ever finds a line without its secret and Podman
// gets an answer to each delete. Ended at any step and run again, it goes on where it was.

import { PsiError, toPsiError } from '../core/error.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import type { DropInStore } from '../registration/drop-in-store.ts';
import { neededByDelete } from '../registration/driver-command/options.ts';
import { goneSecrets } from '../registration/prune-plan.ts';
import type { Staying } from '../registration/prune-report.ts';
import type { RegisteredSecret } from '../registration/registered-secret.ts';
import type { SecretRegistry } from '../registration/secret-registry.ts';
import type { SecretUser, SecretUsers } from '../registration/secret-users.ts';
import type { UnitManager } from '../registration/unit-manager.ts';
import { HOST_MOUNT } from './command/own-container.ts';
import type { HostTree } from './host-tree.ts';
import { installedFiles, type InstalledFiles } from './installed-files.ts';
import { folderOf, type HostLayout } from './layout.ts';
import { ownValues } from './own-values.ts';
import { credentialUnits } from './units/credentials.ts';

export type UninstallDeps = {
  readonly layout: HostLayout;
  readonly registry: SecretRegistry;
  readonly users: SecretUsers;
  readonly dropIns: DropInStore;
  readonly units: UnitManager & {
    /** Resolves when it has ended; one that systemd does not know is none that runs. Failure: HOST. */
    readonly stop: (unit: string) => Promise<void>;
  };
  readonly tree: HostTree;
  /** Answers Podman's deletes in the place of PSI, on these paths, unless one that systemd does not run answers there by itself. */
  readonly answerDeletes: (
    ids: ReadonlySet<string>,
    sockets: ReadonlySet<string>,
  ) => Promise<{ readonly stop: () => Promise<void> }>;
};

export type UninstallOptions = {
  /** Otherwise the plan alone. */
  readonly apply: boolean;
  readonly keepState: boolean;
  /** Although containers name secrets that go. */
  readonly force: boolean;
};

/** Something that goes, or has gone. */
export type Undoing = {
  readonly what: 'drop-in' | 'secret' | 'unit' | 'file' | 'folder';
  readonly target: string;
};

export type UninstallReport = {
  readonly applied: boolean;
  readonly undone: readonly Undoing[];
  /** What stays, and why. `blocked`: nothing was done because of it. */
  readonly left: readonly Staying[];
  readonly blocked: boolean;
  readonly failures: readonly Failure[];
};

type Facts = {
  readonly dropIns: readonly string[];
  readonly secrets: readonly RegisteredSecret[];
  readonly inUse: readonly Staying[];
  /** Values that would be lost with PSI, whatever somebody wishes. */
  readonly own: readonly Staying[];
  readonly files: InstalledFiles;
};

export async function uninstall(deps: UninstallDeps, options: UninstallOptions): Promise<UninstallReport> {
  const facts = await look(deps, options);
  const foreign = [...facts.files.foreign.map(foreignFile), ...facts.files.unseen.map(unseenFile)];
  const blocking = [...facts.own, ...(options.force ? [] : facts.inUse)];
  const blocked = blocking.length > 0;
  const report = { blocked, left: [...blocking, ...foreign], failures: [] };
  if (blocked || !options.apply) return { ...report, applied: false, undone: planned(facts) };
  const run = new Run();
  try {
    await carryOut(deps, facts, run);
  } catch (thrown) {
    run.failures.push(failureOf(toPsiError(thrown)));
  }
  return { ...report, applied: true, undone: run.undone, failures: run.failures, left: [...foreign, ...run.left] };
}

/** What has been done so far, also of a run that fails. */
class Run {
  readonly undone: Undoing[] = [];
  readonly failures: Failure[] = [];
  readonly left: Staying[] = [];

  /** One after another; true if each went well. */
  async each<T>(
    what: Undoing['what'],
    items: readonly T[],
    nameOf: (item: T) => string,
    work: (item: T) => Promise<void>,
  ) {
    const before = this.failures.length;
    for (const item of items) {
      try {
        await work(item);
        this.undone.push({ what, target: nameOf(item) });
      } catch (thrown) {
        this.failures.push(failureOf(toPsiError(thrown)));
      }
    }
    return this.failures.length === before;
  }
}

/** Each step needs all of the one before it: a unit that is gone answers no delete, and a drop-in that is there names secrets. */
async function carryOut(deps: UninstallDeps, { dropIns, secrets, files }: Facts, run: Run): Promise<void> {
  const { units, tree, registry, layout } = deps;
  const same = (text: string): string => text;
  if (!(await run.each('drop-in', dropIns, same, (unit) => deps.dropIns.remove(unit)))) return;
  // Always: an earlier run may have come no further.
  await units.reload();
  for (const unit of stopOrder([...files.running, ...credentialUnits(layout)])) await units.stop(unit);
  if (secrets.length > 0 && !(await removeSecrets(deps, secrets, run))) return;
  const left = goneSecrets({ workloads: [] }, await registry.list());
  if (left.length > 0) throw stillThere(left);
  if (!(await run.each('unit', files.units, same, (path) => tree.remove(path)))) return;
  await units.reload();
  await run.each('file', files.files, same, (path) => tree.remove(path));
  for (const folder of files.folders) await removeFolder(tree, folder, run);
  for (const folder of files.shared) {
    if ((await tree.removeFolder(folder)) === 'removed') run.undone.push({ what: 'folder', target: folder });
  }
}

async function removeSecrets(deps: UninstallDeps, secrets: readonly RegisteredSecret[], run: Run): Promise<boolean> {
  const { registry, tree, layout } = deps;
  const needed = secrets.map(({ options }) => neededByDelete(options));
  const ids = new Set(secrets.map(({ id }) => id));
  const sockets = new Set([layout.socket, ...needed.flatMap(({ socket }) => socket ?? [])]);
  const made: string[] = [];
  // curl 8 fails without the file, before it asks anybody: somebody may have removed the state folder.
  for (const path of new Set(needed.flatMap(({ headerFile }) => headerFile ?? []))) {
    if (await tree.standIn(path)) made.push(path);
  }
  const answering = await deps.answerDeletes(ids, sockets);
  try {
    return await run.each(
      'secret',
      secrets,
      ({ name }) => name,
      (secret) => registry.remove(secret),
    );
  } finally {
    await answering.stop();
    for (const path of made) await tree.remove(path);
    for (const path of made) await tree.removeFolder(folderOf(path));
  }
}

async function removeFolder(tree: HostTree, folder: string, run: Run): Promise<void> {
  const there = await tree.list(folder);
  try {
    const outcome = await tree.removeFolder(folder);
    if (outcome === 'removed') run.undone.push({ what: 'folder', target: folder });
    if (outcome === 'stays')
      run.left.push(
        foreignFolder(
          folder,
          there.map(({ name }) => name),
        ),
      );
  } catch (thrown) {
    run.failures.push(failureOf(toPsiError(thrown)));
  }
}

async function look(
  { registry, users, dropIns, tree, layout }: UninstallDeps,
  options: UninstallOptions,
): Promise<Facts> {
  const [listed, using, present, files] = await Promise.all([
    registry.list(),
    users.list(),
    dropIns.list(),
    installedFiles(tree, layout, options),
  ]);
  const secrets = goneSecrets({ workloads: [] }, listed);
  const own = await ownValues(tree, layout.stateDir, listed);
  return { dropIns: present.map(({ unit }) => unit), secrets, inUse: inUse(secrets, using), own, files };
}

function planned({ dropIns, secrets, files }: Facts): readonly Undoing[] {
  return [
    ...dropIns.map((target) => ({ what: 'drop-in' as const, target })),
    ...secrets.map(({ name: target }) => ({ what: 'secret' as const, target })),
    ...files.units.map((target) => ({ what: 'unit' as const, target })),
    ...files.files.map((target) => ({ what: 'file' as const, target })),
  ];
}

/** The socket first: while it is there, a lookup would start psi.service again. */
function stopOrder(units: readonly string[]): readonly string[] {
  const rank = (unit: string): number =>
    unit === 'psi.socket' ? 0 : unit.endsWith('.timer') ? 1 : unit === 'psi.service' ? 3 : 2;
  return units.toSorted((a, b) => rank(a) - rank(b));
}

function inUse(secrets: readonly RegisteredSecret[], users: readonly SecretUser[]): readonly Staying[] {
  const named = new Set(secrets.flatMap(({ id, name }) => [id, name]));
  return users
    .filter((user) => [...user.secrets].some((secret) => named.has(secret)))
    .map(({ container }) => ({
      subject: container,
      reason: 'this container names secrets of psi: its `podman exec` and its health checks would fail',
      hint: `stop its unit, or remove it with \`podman rm -f ${container}\`, then run this again; or go on with \`--force\``,
    }));
}

function foreignFile(path: string): Staying {
  return {
    subject: path,
    reason: 'it was not written by psi, or the first line that says so was changed',
    hint: `look at it, then remove it yourself: \`rm ${path}\``,
  };
}

function unseenFile(path: string): Staying {
  return {
    subject: path,
    reason: 'this container does not see it, and it may be there',
    hint: `give \`podman run\` one mount more: \`${mountFor(path)}\`; or remove it yourself: \`rm -f ${path}\``,
  };
}

function mountFor(path: string): string {
  return path.startsWith('/usr/local/') ? HOST_MOUNT : `-v ${folderOf(path)}:${folderOf(path)}`;
}

function foreignFolder(folder: string, names: readonly string[]): Staying {
  return {
    subject: folder,
    reason: `there is something in it that is not psi's to remove: ${names.slice(0, 5).join(', ')}`,
    hint: `look at it with \`ls -la ${folder}\``,
  };
}

function stillThere(secrets: readonly RegisteredSecret[]): PsiError {
  return new PsiError('HOST', `podman has ${String(secrets.length)} secrets of psi again: a setup ran meanwhile`, {
    hint: 'run `psi uninstall --apply` again',
  });
}
