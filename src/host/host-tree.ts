// Port: what lies in folders of the host, and taking it away. Failure meaning: HOST (the file system refuses).

export type HostEntry = {
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** Of a link: where it leads, as it is written. */
  readonly target: string | undefined;
};

export type HostTree = {
  /** A folder that is not there has nothing. */
  readonly list: (folder: string) => Promise<readonly HostEntry[]>;
  /** Text of a file, undefined if there is none. */
  readonly read: (path: string) => Promise<string | undefined>;
  /** A file, a link or a socket; one that is gone is no failure. Durable. */
  readonly remove: (path: string) => Promise<void>;
  /** An empty file (0600) where there is none, its folder too. True: it was made. */
  readonly standIn: (path: string) => Promise<boolean>;
  /** A folder with nothing in it. It stays where there is something in it, or it is a mount. */
  readonly removeFolder: (path: string) => Promise<'removed' | 'absent' | 'stays'>;
};
