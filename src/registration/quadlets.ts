// Port: where the quadlet of a unit lies, of all places where Podman reads quadlets.

export type Quadlets = {
  /** In words, such as a path; undefined: there is none. HOST where that cannot be told for sure. */
  readonly find: (unit: string) => Promise<string | undefined>;
  /** The path of a `.kube` or `.pod` of the same name where the `.container` is nowhere to be seen. HOST as above. */
  readonly namesake: (unit: string) => Promise<string | undefined>;
};
