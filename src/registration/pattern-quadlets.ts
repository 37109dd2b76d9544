// Which quadlets of a host the workload pattern may stand for, by their names alone: a name that no workload or no folder may have is refused
// and said, never asked for and never written.

import { isWorkloadName, printable } from '../core/naming.ts';
import { isFolderName } from '../core/secret-path.ts';
import type { Workload } from '../core/workload.ts';
import type { QuadletFile } from './quadlets.ts';

/** A quadlet that is a workload by the pattern where its folder is there. */
export type Candidate = {
  /** Of the workload: the file's without `.container`. */
  readonly name: string;
  readonly unit: string;
  /** What `{workload}` stands for: the name, of a template (`worker@`) without its `@`. */
  readonly folder: string;
  /** Why its name may not be asked for, though it could be a folder's. */
  readonly refusal?: string;
};

/** A quadlet that the pattern does not hold for, and why. `refused`: for its name. */
export type PassedOver = { readonly unit: string; readonly reason: string; readonly refused?: true };

/** Why a quadlet belongs to a PSI, this one or another; undefined: to none. */
export type OfPsi = (quadlet: QuadletFile) => string | undefined;

export type Candidates = { readonly candidates: readonly Candidate[]; readonly passedOver: readonly PassedOver[] };

/** `named`: the workloads that the config names, which win. */
export function candidatesOf(quadlets: readonly QuadletFile[], named: readonly Workload[], ofPsi: OfPsi): Candidates {
  const units = new Set(named.map(({ unit }) => unit));
  const others = quadlets.filter(({ unit }) => !units.has(unit));
  const there = new Set(quadlets.map(({ unit }) => unit));
  const judged = others.map((quadlet) => {
    const reason = ofPsi(quadlet) ?? takenBy(quadlet, named);
    return reason === undefined ? judge(quadlet.unit, there) : { unit: printable(quadlet.unit), reason };
  });
  const candidates = judged.flatMap((one) => ('folder' in one ? [one] : []));
  return {
    candidates: withTwinsRefused(candidates),
    passedOver: judged.flatMap((one) => ('folder' in one ? [] : [one])),
  };
}

/** What the pattern makes of a quadlet of this name. `there`: the quadlets of the host. */
export function judge(unit: string, there: ReadonlySet<string>): Candidate | PassedOver {
  const name = unit.replace(/\.container$/, '');
  const refused = (reason: string): PassedOver => ({ unit: printable(unit), reason, refused: true });
  const folder = name.replace(/@$/, '');
  if (!/^[A-Za-z0-9]/.test(name) && isFolderName(folder)) return refused(`its name begins with no letter or digit`);
  const template = /^([^@]+@)[^@]+$/.exec(name)?.[1];
  if (template !== undefined && isWorkloadName(template) && there.has(`${template}.container`)) {
    return { unit: printable(unit), reason: `it is an instance, and has what its template ${template}.container has` };
  }
  if (template !== undefined) return refused('it is an instance, and its template is not here');
  if (!isFolderName(folder)) return refused('no folder may have its name: letters, digits, `-` and `_`');
  if (!isWorkloadName(name))
    return refused('no workload may have its name: at most 128 characters, no `--`, no `-` at the end');
  return { name, unit, folder };
}

/** A workload of the config has the name and another unit. */
function takenBy({ unit }: QuadletFile, named: readonly Workload[]): string | undefined {
  const other = named.find(({ name }) => `${name}.container` === unit);
  return other && `the config has a workload of this name, whose unit is ${other.unit}`;
}

/** Of two that a person takes for one, nobody knows which was meant. */
function withTwinsRefused(candidates: readonly Candidate[]): readonly Candidate[] {
  const byFolded = Map.groupBy(candidates, ({ name }) => name.toLowerCase());
  return candidates.map((one) => {
    const twin = byFolded.get(one.name.toLowerCase())?.find(({ name }) => name !== one.name);
    return twin ? { ...one, refusal: `its name and that of ${twin.unit} differ in case alone` } : one;
  });
}
