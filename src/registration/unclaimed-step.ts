// The step of a setup for what no workload of the config has: drop-ins, the secrets that they name, and what the cache holds for both.

import type { Mapping } from '../core/mapping.ts';
import type { Share } from '../cache/fill.ts';
import { secretLines } from './drop-in.ts';
import { planDropIn, unclaimed, type Change, type CurrentDropIn, type LeftDropIn, type Orphan } from './plan.ts';
import { goneSecrets } from './prune-plan.ts';
import type { Quadlets } from './quadlets.ts';
import { partOf, runPart, type RunPart } from './run-report.ts';
import { isFiltered, type SetupRun, type SetupTarget } from './setup-run.ts';
import { ownerOf, pruneCommand, whyThere } from './unclaimed.ts';

/**
 * Drop-ins of units that no workload has. One whose quadlet is there stays: a name may be mistyped in the config, and the unit would start
 * without its secrets. A filtered run knows nothing about the units of other workloads.
 */
export async function unclaimedStep(run: SetupRun, quadlets: Quadlets): Promise<RunPart> {
  const { target, request, features, dropIns, carryOut } = run;
  if (isFiltered(request) || !features.dropIns) return runPart({});
  const units = unclaimed(dropIns.keys(), unitsOf(target));
  const left: LeftDropIn[] = [];
  for (const unit of units) left.push(...(await whyLeft(quadlets, unit, dropIns.get(unit)?.text ?? '')));
  const staying = new Set(left.map(({ unit }) => unit));
  const changes = units.flatMap((unit) => unclaimedChange(unit, staying, dropIns.get(unit)));
  return { ...partOf(undefined, await carryOut(changes)), left, orphans: goneOrphans(run, staying) };
}

/** Empty: its quadlet is nowhere, nothing is lost with the drop-in. */
async function whyLeft(quadlets: Quadlets, unit: string, text: string): Promise<readonly LeftDropIn[]> {
  const why = await whyThere(quadlets, unit);
  if (why === undefined) return [];
  return [
    {
      unit,
      reason: `no workload of the config has this unit, and its drop-in is left as it is (${why})`,
      hint: `correct the workload's name or \`unit\` in the config, then run \`podman exec psi psi setup\`; if it is to have no secrets any more, run \`${pruneCommand(ownerOf(unit, text))}\``,
    },
  ];
}

export function removedBy({ changes }: RunPart): ReadonlySet<string> {
  return new Set(changes.flatMap((change) => (change.action === 'remove-drop-in' ? [change.unit] : [])));
}

function unitsOf({ workloads }: SetupTarget): ReadonlySet<string> {
  return new Set(workloads.map(({ unit }) => unit));
}

/** Secrets of workloads that the config has no more, which no drop-in names that stays. */
function goneOrphans({ target, actual, dropIns }: SetupRun, staying: ReadonlySet<string>): readonly Orphan[] {
  const units = [...unitsOf(target), ...staying];
  const named = new Set(units.flatMap((unit) => [...secretLines(dropIns.get(unit)?.text ?? '').keys()]));
  return goneSecrets(target, [...actual.registered.values()].filter(actual.isOurs))
    .filter(({ name }) => !named.has(name))
    .map(({ name, id }) => ({ name, id, gone: true }));
}

function unclaimedChange(
  unit: string,
  staying: ReadonlySet<string>,
  current: CurrentDropIn | undefined,
): readonly Change[] {
  if (!staying.has(unit)) return [{ action: 'remove-drop-in', workload: undefined, unit }];
  return current === undefined ? [] : planDropIn(undefined, unit, current.text, current);
}

/** What the cache holds for drop-ins that no workload has stays in it for as long as they do: their units start with it. */
export function shareOfUnclaimed({ target, actual, dropIns }: SetupRun, removed: ReadonlySet<string>): Share {
  const units = unclaimed(dropIns.keys(), unitsOf(target)).filter((unit) => !removed.has(unit));
  const names = units.flatMap((unit) => [...secretLines(dropIns.get(unit)?.text ?? '').keys()]);
  const ids = names.flatMap((name) => actual.registered.get(name)?.id ?? []);
  return { kind: 'listed', secrets: ids.flatMap((id) => wantedOf(actual.mappingOf(id))) };
}

function wantedOf(mapping: Mapping | undefined): readonly { readonly mapping: Mapping; readonly fetched: undefined }[] {
  return mapping === undefined ? [] : [{ mapping, fetched: undefined }];
}
