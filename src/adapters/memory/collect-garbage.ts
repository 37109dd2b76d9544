// V8's collector, which Node hides behind flags of the command line.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/** Collects all garbage at once: some ten milliseconds in which nothing else happens. */
export function collectGarbage(): void {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}

/** From here on V8 collects when its heap has grown by a tenth, not to a multiple. It sets that bound when it collects: so once now. */
export function boundGarbage(): void {
  setFlagsFromString('--heap-growing-percent=10');
  collectGarbage();
}
