// Port: the lookup helper on a host, and the one that PSI brings along. Failure meaning: HOST (the file system refuses).

/** What lies at its path. */
export type HelperFound =
  | { readonly kind: 'nothing'; readonly folder: 'missing' | 'empty' | 'used' }
  /** A folder, a link, a socket. */
  | { readonly kind: 'no file' }
  | {
      readonly kind: 'file';
      readonly bytes: Uint8Array;
      readonly mode: number;
      /** Is it root's, or that of the user whose PSI this is? */
      readonly isOwn: boolean;
      /** False: the file system executes nothing, whatever the mode says. As far as a container is told: often it is not. */
      readonly mayRun: boolean;
    };

export type HelperFiles = {
  /** Undefined: this PSI was built without. */
  readonly own: () => Promise<Uint8Array | undefined>;
  readonly look: (path: string) => Promise<HelperFound>;
  /** Atomic and durable, mode 0755; creates missing folders. */
  readonly write: (path: string, bytes: Uint8Array) => Promise<void>;
};
