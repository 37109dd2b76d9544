// The image that psi.service is going to run: while it would be fetched, or if it cannot be, lookups would wait for nobody.

import { printable } from '../core/naming.ts';
import { shellWord } from '../core/text/shell.ts';
import type { HostTree } from '../host/host-tree.ts';
import { imageInUse } from '../host/units/container.ts';
import { isPsiUnit } from '../host/units/unit-file.ts';
import type { Remark } from './remarks.ts';

export type ImageDeps = {
  readonly tree: Pick<HostTree, 'read'>;
  readonly image: {
    /** Undefined: that of a psi.container that is there, or the default. */
    readonly named: string | undefined;
    /** Failure: HOST. */
    readonly isHere: (image: string) => Promise<boolean>;
  };
};

/** Undefined: it is on this host. */
export async function missingImage({ tree, image }: ImageDeps, systemdDir: string): Promise<Remark | undefined> {
  const installed = await tree.read(`${systemdDir}/psi.container`);
  const wanted = image.named ?? imageInUse(installed !== undefined && isPsiUnit(installed) ? installed : undefined);
  if (await image.isHere(wanted)) return undefined;
  return {
    subject: '--image',
    reason: `${printable(wanted)} is not on this host: lookups would wait until it is fetched`,
    hint: `\`podman pull ${shellWord(wanted)}\`, or name another with --image`,
  };
}
