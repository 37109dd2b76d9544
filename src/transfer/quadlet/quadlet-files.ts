// Port: quadlet files of this host with their drop-ins, and the env files they name. Texts hold values: they go nowhere else.
//
// Failure meaning: NOT_FOUND (no such file), BAD_REQUEST (no text), CONFLICT (`replace`: it changed meanwhile, or is a link), HOST (the
// file system refuses).

export type QuadletText = { readonly path: string; readonly text: string };

export type DropInText = QuadletText & {
  /** Read by other units too. */
  readonly shared: boolean;
};

export type QuadletFiles = {
  /** The unit and its drop-ins in the order in which Podman merges them; PSI's own drop-in is not among them. */
  readonly read: (path: string) => Promise<{ readonly unit: QuadletText; readonly dropIns: readonly DropInText[] }>;
  readonly readEnvFile: (path: string) => Promise<Uint8Array>;
  /** Atomic, with the mode it has, and only if it still reads as before. The old text is kept in a new file, whose path is returned. */
  readonly replace: (edit: {
    readonly path: string;
    readonly before: string;
    readonly after: string;
  }) => Promise<string>;
};
