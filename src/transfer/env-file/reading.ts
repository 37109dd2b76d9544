// What one reader of env files makes of a file: the variables that it takes, the lines that it passes over, and where it gives up. Lines
// count from 1.

export type EnvFileReader = 'podman' | 'systemd' | 'dotenv';

export const ENV_FILE_READERS: readonly EnvFileReader[] = ['podman', 'systemd', 'dotenv'];

/** Lines from `first` to `last`. */
export type Span = { readonly first: number; readonly last: number };

export type Variable = Span & { readonly name: string; readonly value: string };

/** No comment, and no variable either. */
export type PassedOver = Span & { readonly reason: string };

export type Reading = {
  readonly variables: readonly Variable[];
  readonly passedOver: readonly PassedOver[];
  /** The reader takes nothing of a file with such a line. What stands here beside them is what it would take without them. */
  readonly broken: readonly { readonly line: number; readonly reason: string }[];
};
