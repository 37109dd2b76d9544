// What of a host is PSI's and of no workload any more: drop-ins, secrets and mappings. Nothing goes that PSI cannot tell to be its own, that
// a unit which is there would start with, or that a container names.

import { workloadOf, type SecretId } from '../core/naming.ts';
import type { Workload } from '../core/workload.ts';
import { secretLines } from './drop-in.ts';
import { isPsiOptions } from './driver-command/options.ts';
import { unclaimed } from './plan.ts';
import type { Removal, Staying } from './prune-report.ts';
import type { RegisteredSecret } from './registered-secret.ts';
import type { SecretUser } from './secret-users.ts';
import { ownerOf, pruneCommand } from './unclaimed.ts';

export type PruneWish = {
  /** Of the config. */
  readonly workloads: readonly Workload[];
  /** This one alone, though its quadlet may be there. */
  readonly only: string | undefined;
};

/** What is there. */
export type PruneFacts = {
  readonly secrets: readonly RegisteredSecret[];
  /** The text, by unit. */
  readonly dropIns: ReadonlyMap<string, string>;
  /** Why a unit counts as one that is there, of those that `unitsAskedFor` names. */
  readonly quadlets: ReadonlyMap<string, string>;
  readonly users: readonly SecretUser[];
  /** As they were before the secrets were listed. */
  readonly mappings: readonly SecretId[];
};

export type PrunePlan = {
  /** Units. */
  readonly dropIns: readonly string[];
  readonly secrets: readonly RegisteredSecret[];
  readonly mappings: readonly SecretId[];
  readonly left: readonly Staying[];
};

export function planPrune(wish: PruneWish, facts: PruneFacts): PrunePlan {
  const units = unitsInQuestion(wish, facts);
  const staying = wish.only === undefined ? units.filter((unit) => facts.quadlets.has(unit)) : [];
  const dropIns = units.filter((unit) => !staying.includes(unit));
  const named = linesBeside(new Set(dropIns), facts);
  const candidates = goneSecrets(wish, facts.secrets).filter(
    (secret) => (wish.only === undefined || ownerOfSecret(secret) === wish.only) && !named.has(secret.name),
  );
  const there = wish.only === undefined ? workloadsThere(wish, candidates, facts) : new Map<string, string>();
  const free = candidates.filter((secret) => !there.has(ownerOfSecret(secret) ?? ''));
  const inUse = free.flatMap((secret) => inUseBy(secret, facts.users));
  const used = new Set(inUse.map(({ subject }) => subject));
  return {
    dropIns,
    secrets: free.filter(({ name }) => !used.has(name)),
    mappings: wish.only === undefined ? withoutSecret(facts) : [],
    left: [
      ...staying.map((unit) => leftUnit(unit, facts)),
      ...[...there].map(([workload, why]) => leftWorkload(workload, why)),
      ...inUse,
    ],
  };
}

export function removalsOf({ dropIns, secrets, mappings }: PrunePlan, facts: PruneFacts): readonly Removal[] {
  return [
    ...dropIns.map((unit) => dropInRemoval(unit, facts.dropIns.get(unit) ?? '')),
    ...secrets.map(secretRemoval),
    ...mappings.map(mappingRemoval),
  ];
}

export function dropInRemoval(unit: string, text: string): Removal {
  return { action: 'remove-drop-in', workload: ownerOf(unit, text), target: unit };
}

export function secretRemoval(secret: RegisteredSecret): Removal {
  return { action: 'remove-secret', workload: ownerOfSecret(secret) ?? null, target: secret.name };
}

export function mappingRemoval(id: SecretId): Removal {
  return { action: 'remove-mapping', workload: null, target: id };
}

/** Registered by PSI, for a workload that the config does not name: neither as the label says nor as the name does. */
export function goneSecrets(
  { workloads }: Pick<PruneWish, 'workloads'>,
  secrets: Iterable<RegisteredSecret>,
): readonly RegisteredSecret[] {
  const names = new Set(workloads.map(({ name }) => name));
  return [...secrets].filter((secret) => {
    const owners = [secret.workload, workloadOf(secret.name)].filter((one) => one !== undefined);
    return secret.driver === 'shell' && isPsiOptions(secret.options) && isGone(owners, names);
  });
}

/** The units of which it matters whether their quadlets are there. */
export function unitsAskedFor(wish: PruneWish, facts: Pick<PruneFacts, 'secrets' | 'dropIns'>): readonly string[] {
  if (wish.only !== undefined) return [];
  const claimed = unitsOf(wish);
  const owners = goneSecrets(wish, facts.secrets).flatMap((secret) => ownerOfSecret(secret) ?? []);
  const named = owners.flatMap(usualUnits).filter((unit) => !claimed.has(unit));
  return [...new Set([...unclaimed(facts.dropIns.keys(), claimed), ...named])];
}

function isGone(owners: readonly string[], names: ReadonlySet<string>): boolean {
  return owners.length > 0 && owners.every((owner) => !names.has(owner));
}

function ownerOfSecret({ workload, name }: RegisteredSecret): string | undefined {
  return workload ?? workloadOf(name);
}

function unitsInQuestion(wish: PruneWish, { dropIns }: PruneFacts): readonly string[] {
  const units = unclaimed(dropIns.keys(), unitsOf(wish));
  return units.filter((unit) => wish.only === undefined || ownerOf(unit, dropIns.get(unit) ?? '') === wish.only);
}

function unitsOf({ workloads }: Pick<PruneWish, 'workloads'>): ReadonlySet<string> {
  return new Set(workloads.map(({ unit }) => unit));
}

/** Of a workload without `unit:` in the config. */
function usualUnits(workload: string): readonly string[] {
  return [`${workload}.container`, `${workload}@.container`];
}

/** Secrets that a drop-in still names, other than those of these units. */
export function linesBeside(going: ReadonlySet<string>, { dropIns }: Pick<PruneFacts, 'dropIns'>): ReadonlySet<string> {
  const texts = [...dropIns].flatMap(([unit, text]) => (going.has(unit) ? [] : [text]));
  return new Set(texts.flatMap((text) => [...secretLines(text).keys()]));
}

/** Its quadlet is there, and its drop-in is not: the name may be mistyped in the config. */
function workloadsThere(
  wish: PruneWish,
  secrets: readonly RegisteredSecret[],
  { quadlets }: PruneFacts,
): ReadonlyMap<string, string> {
  const claimed = unitsOf(wish);
  const owners = new Set(secrets.flatMap((secret) => ownerOfSecret(secret) ?? []));
  return new Map(
    [...owners].flatMap((owner) => {
      const unit = usualUnits(owner).find((one) => quadlets.has(one) && !claimed.has(one));
      return unit === undefined ? [] : [[owner, quadlets.get(unit) ?? ''] as const];
    }),
  );
}

/** What a create left that was killed before Podman had the secret. A container may have the id of one that Podman shows no more. */
function withoutSecret({ mappings, secrets, users }: PruneFacts): readonly SecretId[] {
  const known = new Set([...secrets.map(({ id }) => id), ...users.flatMap((user) => [...user.secrets])]);
  return mappings.filter((id) => !known.has(id));
}

function inUseBy({ id, name }: RegisteredSecret, users: readonly SecretUser[]): readonly Staying[] {
  const [first, ...more] = users.flatMap(({ container, secrets }) =>
    secrets.has(id) || secrets.has(name) ? [container] : [],
  );
  if (first === undefined) return [];
  const others = more.length === 0 ? '' : ` and ${String(more.length)} more`;
  return [
    {
      subject: name,
      reason: `the container ${first}${others} names it: its \`podman exec\` and its health checks would fail`,
      hint: `stop its unit, or remove it with \`podman rm -f ${first}\`, then run this again`,
    },
  ];
}

function leftUnit(unit: string, { dropIns, quadlets }: PruneFacts): Staying {
  const why = quadlets.get(unit) ?? '';
  return { ...leftWorkload(ownerOf(unit, dropIns.get(unit) ?? ''), why), subject: unit };
}

function leftWorkload(workload: string, why: string): Staying {
  return {
    subject: workload,
    reason: `no workload of the config has it, and it stays with its secrets (${why})`,
    hint: `correct the workload's name or \`unit\` in the config; if it is to have no secrets any more, run \`${pruneCommand(workload)}\`; if its quadlet was removed, \`systemctl daemon-reload\` first`,
  };
}
