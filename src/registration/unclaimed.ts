// Drop-ins that no workload of the config has: whose they are, where their quadlets lie, and what to run about them.

import { toPsiError } from '../core/error.ts';
import { workloadOf } from '../core/naming.ts';
import { secretLines } from './drop-in.ts';
import type { Quadlets } from './quadlets.ts';

/** The workload that a drop-in was written for: that of its secrets, and without any the one that is named as the unit is. */
export function ownerOf(unit: string, text: string): string {
  const named = [...secretLines(text).keys()].flatMap((name) => workloadOf(name) ?? []);
  return named[0] ?? unit.replace(/@?\.container$/, '');
}

/** Why a unit counts as one that is there; undefined: its quadlet is nowhere. What cannot be told counts too. */
export async function whyThere(quadlets: Quadlets, unit: string): Promise<string | undefined> {
  return quadlets
    .find(unit)
    .catch((thrown: unknown) => `whether it has a quadlet cannot be told: ${toPsiError(thrown).message}`);
}

/** What takes the secrets and the drop-in of a workload away that the config does not name, though its quadlet is there. */
export function pruneCommand(workload: string): string {
  return `podman exec psi psi prune --workload ${workload} --apply`;
}
