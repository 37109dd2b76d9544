// Which of Podman's secrets have driver commands other than those of now: all that PSI has there, be it in the config or not.

import type { StoredMapping } from '../core/mapping.ts';
import { workloadOf } from '../core/naming.ts';
import { isPsiOptions, neededByDelete } from './driver-command/options.ts';
import { sameOptions, type DriverOptions, type RegisteredSecret } from './registered-secret.ts';
import type { ToReplace } from './replaces.ts';

export type DueReplaces = {
  readonly due: readonly ToReplace[];
  /** Their mapping is lost, so nobody could make them anew: their lookups fail too. */
  readonly lost: readonly RegisteredSecret[];
};

export function dueReplaces(
  listed: readonly RegisteredSecret[],
  options: DriverOptions,
  mappingOf: (id: string) => StoredMapping | undefined,
): DueReplaces {
  const others = listed.filter(
    ({ driver, options: frozen }) => driver === 'shell' && isPsiOptions(frozen) && !sameOptions(options, frozen),
  );
  const due = others.flatMap((current) => {
    const mapping = mappingOf(current.id);
    return mapping === undefined ? [] : [{ current, mapping, workload: current.workload ?? workloadOf(current.name) }];
  });
  // Without a mapping here, and asking elsewhere, it is another PSI's.
  const lost = others.filter((one) => mappingOf(one.id) === undefined && asksAlike(options, one.options));
  return { due, lost };
}

/** Do starts get their values by these commands too, as long as nobody replaces them? */
export function asksAlike(options: DriverOptions, frozen: Readonly<Record<string, string>>): boolean {
  const [now, before] = [neededByDelete(options), neededByDelete(frozen)];
  return now.socket === before.socket && now.headerFile === before.headerFile;
}
