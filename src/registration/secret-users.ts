// Port: which containers name secrets. Podman keeps the names and ids in the container: its exec and its health checks look them up again.

export type SecretUser = {
  /** Its name, or its id where it has none. */
  readonly container: string;
  /** Names and ids of secrets. */
  readonly secrets: ReadonlySet<string>;
};

export type SecretUsers = {
  /** Of all containers that there are, be they running or not. Fails with HOST where that cannot be told. */
  readonly list: () => Promise<readonly SecretUser[]>;
};
