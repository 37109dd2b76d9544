// Quadlets that belong to a PSI: this one's, and those of the one in Python, whose names are known. Neither gets secrets by itself.

import { isPsiUnit } from './unit-file.ts';

/** Of the service, setups, renewals and whatever comes: all that PSIs have written begins so. */
const NAMED = /^psi(?:-.*)?\.container$/;

/** The smart card daemon that the PSI in Python writes has a name which a distribution may use too. */
const PCSCD = /^Description=pcscd smartcard daemon for HSM access$/m;

/** Why it is one; undefined: it belongs to none. */
export function whyOfPsi({
  unit,
  text = '',
}: {
  readonly unit: string;
  readonly text?: string | undefined;
}): string | undefined {
  if (isPsiUnit(text)) return 'a unit of psi itself';
  if (NAMED.test(unit)) return 'named as the units of a psi are, and not written by this one';
  return unit === 'pcscd.container' && PCSCD.test(text) ? 'a unit of another psi' : undefined;
}
