// Port: where the quadlet of a unit lies, of all places where Podman reads quadlets.

/** A `.container` file: of a name that several folders have, the one that Podman reads. `text`: undefined where it cannot be read. */
export type QuadletFile = { readonly unit: string; readonly path: string; readonly text: string | undefined };

export type Quadlets = {
  /** All that can have secrets, in the folders that PSI sees, sorted by name. The names may be hostile. HOST where they cannot be listed. */
  readonly list: () => Promise<readonly QuadletFile[]>;
  /** In words, such as a path; undefined: there is none. HOST where that cannot be told for sure. */
  readonly find: (unit: string) => Promise<string | undefined>;
  /** The path of a `.kube` or `.pod` of the same name where the `.container` is nowhere to be seen. HOST as above. */
  readonly namesake: (unit: string) => Promise<string | undefined>;
};
