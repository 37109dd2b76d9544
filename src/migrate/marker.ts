// What says that a migration has begun and not ended. What it removes is gone by then, so it remembers what there was.

import { listOf } from './plain.ts';

export type Marker = {
  readonly mode: 'native' | 'container' | undefined;
  /** Was there a unit of the old server, and of its smart card daemon? */
  readonly server: boolean;
  readonly pcscd: boolean;
  /** Units that required the old server, and ran. */
  readonly stopped: readonly string[];
};

/** Beside the config: the state folder may be another one in the new config. */
export const MARKER_FILE = 'migrate.owed';

export function markerText({ mode, server, pcscd, stopped }: Marker): string {
  return `${JSON.stringify({ version: 1, mode: mode ?? null, server, pcscd, stopped })}\n`;
}

/** One that cannot be read still says that there was one. */
export function markerOf(text: string | undefined): Marker | undefined {
  if (text === undefined) return undefined;
  try {
    const { mode, server, pcscd, stopped } = JSON.parse(text) as Partial<Record<string, unknown>>;
    const known = mode === 'native' || mode === 'container' ? mode : undefined;
    const units = listOf(stopped).filter((one) => typeof one === 'string');
    return { mode: known, server: server === true, pcscd: pcscd === true, stopped: units };
  } catch {
    return { mode: undefined, server: true, pcscd: false, stopped: [] };
  }
}
