// What a call is about, as the server and messages name it. Pure.

import { oneLine } from './words.ts';

export type Subject = {
  /** Alias in the config. */
  readonly project: string;
  readonly projectId: string;
  readonly environment: string;
  readonly path: string;
  /** undefined: the whole folder is asked for. */
  readonly key: string | undefined;
};

export function placeOf({ project, path, environment }: Subject): string {
  return `${project}:${path} (environment ${environment})`;
}

/** The next step where a value may not be read. */
export function readValues({ path, environment }: { readonly path: string; readonly environment: string }): string {
  return `in infisical, give the machine identity the right to read values (Read Value) of ${oneLine(path)} in environment ${oneLine(environment)}`;
}
