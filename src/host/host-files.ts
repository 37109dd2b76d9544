// Port: plain files of the host that installing touches: units, containers.conf.d, folders. None of them holds a secret.
//
// Failure meaning: HOST (the file system refuses; the hint says what to do).

export type HostFiles = {
  /** Text of a file, undefined if there is none. */
  readonly read: (path: string) => Promise<string | undefined>;
  /** Atomic and durable; creates missing folders (0755). */
  readonly write: (path: string, text: string, mode: number) => Promise<void>;
  /**
   * Creates a folder with exactly this mode (its parents with 0755). One that is there is `tightened` if it grants more than the mode,
   * and else left as it is.
   */
  readonly folder: (path: string, mode: number) => Promise<'created' | 'tightened' | 'unchanged'>;
  /** False where it cannot be told, too. */
  readonly hasFolder: (path: string) => Promise<boolean>;
  /** Makes `path` a symbolic link to `target`. A link there that leads elsewhere is replaced; anything else there is CONFLICT. */
  readonly link: (path: string, target: string) => Promise<'created' | 'unchanged'>;
};
