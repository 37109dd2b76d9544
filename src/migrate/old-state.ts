// What the Python PSI keeps in its state folder that this psi must not take for its own.

import type { HostTree } from '../host/host-tree.ts';
import type { OldPlaces } from './old-places.ts';

export type StateDeps = {
  readonly places: Pick<OldPlaces, 'cacheKey'>;
  readonly tree: Pick<HostTree, 'list' | 'read'>;
  /** The first bytes of a file, and how many it has; undefined: there is none. */
  readonly head: (
    path: string,
    bytes: number,
  ) => Promise<{ readonly start: Uint8Array; readonly size: number } | undefined>;
};

export type OldState = {
  /** Of its cache; undefined: none that it wrote. */
  readonly cache: { readonly path: string; readonly empty: boolean } | undefined;
  readonly tokens: readonly string[];
  /** Sealed by the host's key: a TPM has no part in it. */
  readonly keyOfHost: boolean;
};

/** `PSIC`, a version byte, and which backend: ours has two bytes of version there. */
const CACHE_STARTS = [
  [0x50, 0x53, 0x49, 0x43, 1, 1],
  [0x50, 0x53, 0x49, 0x43, 1, 2],
];
/** Of a cache with nothing in it, as `cache init` makes it. */
const EMPTY_CACHE = 142;
/** What systemd-creds puts before a credential that the host's key seals, in Base64. */
const SEALED_BY_HOST = 'Whxqht+dQJax1aZeCGLx';

export async function oldState({ tree, head, places }: StateDeps, stateDir: string, cache: string): Promise<OldState> {
  const found = await head(cache, 6);
  const old = CACHE_STARTS.some((start) => start.every((byte, index) => found?.start[index] === byte));
  const names = (await tree.list(stateDir)).map(({ name }) => name);
  const key = await tree.read(places.cacheKey);
  return {
    cache: found && old ? { path: cache, empty: found.size === EMPTY_CACHE } : undefined,
    tokens: names.filter((name) => /^\.token\.[0-9a-f]{12}\.json$/.test(name)).map((name) => `${stateDir}/${name}`),
    keyOfHost: key?.trimStart().startsWith(SEALED_BY_HOST) === true,
  };
}
