// What the operator asked for, already decoded and checked: workloads and their sources.

/** One `secrets:` entry of a workload. */
export type SecretSpec = {
  readonly project: string;
  readonly path: string;
  readonly recursive: boolean;
  /** Glob patterns on the provider's key. Empty include = everything. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Put before the key in the variable's or file's name and in Podman's secret name. */
  readonly prefix: string;
  readonly as: 'env' | 'mount';
  /** Octal text such as "0400", only with `as: mount`. */
  readonly mode: string | undefined;
};

export type Workload = {
  readonly name: string;
  readonly provider: string;
  /** Quadlet unit file, `myapp.container` or the template `worker@.container`. */
  readonly unit: string;
  readonly dependsOn: readonly string[];
  readonly secrets: readonly SecretSpec[];
};
