// How messages speak of a secrets manager, for rooms that do not know which one it is.

export type ProviderWords = {
  /** Its name within a sentence. */
  readonly name: string;
  /** The commands that are about it, such as `psi NAME`. */
  readonly command: string;
  /** What it calls the rights that an identity may lack. */
  readonly rights: {
    /** To read the values of secrets. */
    readonly readValues: string;
    /** To read the private keys of certificates. */
    readonly readKeys: string;
  };
};
