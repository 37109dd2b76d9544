// The lookup helper for measurements, and the command that Podman would run with it.
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { driverOptions } from '../../src/registration/driver-command/options.ts';
import { builtHelper } from '../hosts/lookup-helper.ts';

export type PlacedHelper = {
  readonly folder: string;
  readonly program: string;
  /** From then on commands go by curl. */
  readonly remove: () => Promise<void>;
};

export async function placeHelper(folder: string): Promise<PlacedHelper> {
  const built = await builtHelper();
  if (!built.ok) throw new Error(built.reason);
  const program = join(folder, 'psi-lookup');
  await mkdir(folder, { recursive: true });
  await copyFile(built.argv[0] ?? '', program);
  return { folder, program, remove: () => rm(program) };
}

export function driverCommandOf(socket: string, helper: string): string {
  return driverOptions({ socket, maxTimeSeconds: 20, headerFile: undefined, helper }).lookup;
}
