// How messages speak of a secrets manager, for rooms that do not know which one it is.

export type ProviderWords = {
  /** Its name as it is written. */
  readonly title: string;
  /** Its name within a message, which has no capitals. */
  readonly name: string;
  /** The group of psi's commands that are about it: `psi GROUP …`. */
  readonly group: string;
  /** What it calls the rights that an identity may lack. */
  readonly rights: {
    /** To read the values of secrets. */
    readonly readValues: string;
    /** To read the private keys of certificates. */
    readonly readKeys: string;
  };
};
