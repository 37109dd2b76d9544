// What says that a migration has begun and not ended. What it removes is gone by then, so it remembers what there was.

import { newerFormat, newerThan } from '../core/newer-format.ts';
import { listOf } from './plain.ts';

const VERSION = 1;

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

/** What the newer one has done already is no part of the next plan. */
function anew(path: string): string {
  return `\`rm ${path}\`, and \`psi migrate\` plans anew`;
}

export function markerText({ mode, server, pcscd, stopped }: Marker): string {
  return `${JSON.stringify({ version: VERSION, mode: mode ?? null, server, pcscd, stopped })}\n`;
}

/** One that cannot be read still says that there was one. Fails with HOST: a newer PSI has begun it. */
export function markerOf(path: string, text: string | undefined): Marker | undefined {
  if (text === undefined) return undefined;
  const content = parsed(text);
  if (content === undefined) return { mode: undefined, server: true, pcscd: false, stopped: [] };
  const { version, mode, server, pcscd, stopped } = content;
  const found = newerThan(VERSION, version);
  if (found !== undefined) throw newerFormat(`the file ${path}`, { found, known: VERSION }, anew(path));
  const known = mode === 'native' || mode === 'container' ? mode : undefined;
  const units = listOf(stopped).filter((one) => typeof one === 'string');
  return { mode: known, server: server === true, pcscd: pcscd === true, stopped: units };
}

/** Undefined: it is damaged. */
function parsed(text: string): Readonly<Partial<Record<string, unknown>>> | undefined {
  try {
    const content: unknown = JSON.parse(text);
    return typeof content === 'object' && content !== null ? { ...content } : undefined;
  } catch {
    return undefined;
  }
}
