// What reading a config takes from the world around it.

/** Rejects as node:fs does: an error with `code` ENOENT, EACCES, EISDIR, ... */
export type ReadFile = (path: string) => Promise<Uint8Array>;

export type Env = Readonly<Record<string, string | undefined>>;
