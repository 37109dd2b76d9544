// plan(desired, actual) → ordered changes: the one decision behind `psi setup`, `--dry-run` and drift. What is equal is not touched.

import { sameMapping, type Mapping } from '../core/mapping.ts';
import type { Refusal } from '../core/naming.ts';
import { differences } from './driver-command/differences.ts';
import { asksAlike } from './due-replaces.ts';
import { sameOptions, type DriverOptions, type RegisteredSecret } from './registered-secret.ts';
import type { NameRule } from './secret-registry.ts';
import type { DesiredSecret } from '../survey/selection.ts';

export type Change =
  | { readonly action: 'write-header'; readonly workload: undefined }
  | { readonly action: 'create'; readonly workload: string; readonly name: string; readonly mapping: Mapping }
  /** The mapping is PSI's own file: it is rewritten under the same id, Podman is not called. */
  | {
      readonly action: 'remap';
      readonly workload: string;
      readonly name: string;
      readonly id: string;
      readonly mapping: Mapping;
    }
  /** The driver commands differ: only Podman can change those. */
  | {
      readonly action: 'replace';
      readonly workload: string;
      readonly name: string;
      readonly current: RegisteredSecret;
      readonly mapping: Mapping;
      /** What the commands of now have otherwise. */
      readonly reason: string;
    }
  | {
      readonly action: 'write-drop-in';
      /** Undefined: no workload has the unit, the file gets another name. */
      readonly workload: string | undefined;
      readonly unit: string;
      readonly text: string;
    }
  | { readonly action: 'remove-drop-in'; readonly workload: undefined; readonly unit: string };

/** Registered by PSI, named by no workload any more. Left in Podman: a running container may still ask for it. */
export type Orphan = {
  readonly name: string;
  readonly id: string;
  /** The config does not name its workload: `psi prune` removes it. */
  readonly gone?: true;
};

export type Problem = {
  readonly workload: string;
  readonly name: string;
  readonly reason: string;
  readonly hint: string;
};

/** A drop-in that no workload of the config has, of a unit whose quadlet is there: its lines and its secrets stay. */
export type LeftDropIn = { readonly unit: string; readonly reason: string; readonly hint: string };

export type WorkloadPlan = {
  readonly changes: readonly Change[];
  readonly kept: number;
  /** Of those: with driver commands of before, which the service replaces by itself. */
  readonly later: number;
  readonly orphans: readonly Orphan[];
  readonly problems: readonly Problem[];
  /** What the drop-in may name: everything but the problems. */
  readonly usable: readonly DesiredSecret[];
};

export type Actual = {
  readonly registered: ReadonlyMap<string, RegisteredSecret>;
  readonly mappingOf: (id: string) => Mapping | undefined;
  /** What this Podman takes for a secret's name. */
  readonly names: NameRule & { readonly version: string };
  /**
   * Does it have commands that PSI wrote, now or in an earlier version, for a value of a provider? One whose value this host alone has was
   * made by somebody with Podman's own command, and is not a setup's to replace.
   */
  readonly isOurs: (secret: RegisteredSecret) => boolean;
};

/** `later`: those that answer as they are keep their driver commands in this run; the host is at its starts, or nobody asked for it. */
export type ReplaceWhen = 'now' | 'later';

/** The registrations of one workload. */
export function planSecrets(
  workload: string,
  desired: readonly DesiredSecret[],
  options: DriverOptions,
  actual: Actual,
  when: ReplaceWhen = 'now',
): WorkloadPlan {
  const changes: Change[] = [];
  const problems: Problem[] = [];
  const usable: DesiredSecret[] = [];
  let kept = 0;
  let later = 0;
  const seen = new Map<string, boolean>();
  for (const secret of desired) {
    // Several uses of one secret: what became of the first holds for the others.
    const before = seen.get(secret.name);
    if (before !== undefined) {
      if (before) usable.push(secret);
      continue;
    }
    seen.set(secret.name, false);
    const current = actual.registered.get(secret.name);
    if (current && !isPsiSecret(current, actual)) {
      problems.push({
        workload,
        name: secret.name,
        reason: `Podman has a secret of this name that psi did not make (driver ${current.driver})`,
        hint: `look at it with \`podman secret inspect ${secret.name}\`, remove it with \`podman secret rm ${secret.name}\`, then run setup again`,
      });
      continue;
    }
    const refusal = current ? undefined : nameRefusal(secret.name, actual.names);
    if (refusal) {
      problems.push({ workload, name: secret.name, ...refusal });
      continue;
    }
    usable.push(secret);
    seen.set(secret.name, true);
    if (!current) {
      changes.push({ action: 'create', workload, name: secret.name, mapping: secret.mapping });
      continue;
    }
    const known = actual.mappingOf(current.id);
    const others = !sameOptions(options, current.options);
    const waits = others && when === 'later' && asksAlike(options, current.options);
    if (waits) later += 1;
    if (others && !waits) {
      const reason = differences(options, current.options);
      changes.push({ action: 'replace', workload, name: secret.name, current, mapping: secret.mapping, reason });
    } else if (!known || !sameMapping(known, secret.mapping)) {
      changes.push({ action: 'remap', workload, name: secret.name, id: current.id, mapping: secret.mapping });
    } else {
      kept += 1;
    }
  }
  return { changes, kept, later, orphans: orphansOf(workload, desired, actual), problems, usable };
}

/** Podman would refuse the create: known before it is asked, so that a dry run promises nothing. */
function nameRefusal(name: string, { plain, longest, version }: Actual['names']): Refusal | undefined {
  if (name.length > longest) {
    const reason = `the name has ${String(name.length)} characters, podman ${version} takes ${String(longest)}`;
    return { reason, hint: 'give the workload or the key a shorter name, or use Podman ≥ 4.7' };
  }
  if (!plain || /^[a-zA-Z0-9](?:[a-zA-Z0-9_.-]*[a-zA-Z0-9_])?$/.test(name)) return undefined;
  return {
    reason: `podman ${version} takes no such name: letters, digits, \`_\`, \`.\` and \`-\` alone`,
    hint: 'templates (`@`) and other characters need Podman ≥ 4.7; or rename the key, or leave it out with `exclude`',
  };
}

/** All secrets of a workload that PSI registered, by Podman's name. */
export function registeredFor(workload: string, actual: Actual): readonly RegisteredSecret[] {
  const prefix = `${workload}--`;
  return [...actual.registered.values()].filter(
    (secret) => secret.name.startsWith(prefix) && isPsiSecret(secret, actual),
  );
}

function orphansOf(workload: string, desired: readonly DesiredSecret[], actual: Actual): readonly Orphan[] {
  const names = new Set<string>(desired.map((secret) => secret.name));
  return registeredFor(workload, actual)
    .filter((secret) => !names.has(secret.name))
    .map(({ name, id }) => ({ name, id }));
}

function isPsiSecret(secret: RegisteredSecret, actual: Actual): boolean {
  return secret.driver === 'shell' && actual.isOurs(secret);
}

/** The drop-in that is there; `misplaced` as the store says it. */
export type CurrentDropIn = { readonly text: string; readonly misplaced: boolean };

/** The drop-in of one workload: a change only if the text or the name of the file differs from what is there. */
export function planDropIn(
  workload: string | undefined,
  unit: string,
  wanted: string,
  current: CurrentDropIn | undefined,
): readonly Change[] {
  const same = wanted === current?.text && !current.misplaced;
  return same ? [] : [{ action: 'write-drop-in', workload, unit, text: wanted }];
}

/** Units that have a drop-in of PSI's and no workload any more. */
export function unclaimed(present: Iterable<string>, wanted: ReadonlySet<string>): readonly string[] {
  return [...present].filter((unit) => !wanted.has(unit)).sort();
}
