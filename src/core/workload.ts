// What the operator asked for, already decoded and checked: workloads and their sources.

/** A mode as `podman run --secret` takes it: three octal digits, a leading zero allowed. */
export const FILE_MODE = /^0?[0-7]{3}$/;

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
  /** It may hold nothing: otherwise a source that yields nothing is a problem of the workload. */
  readonly allowEmpty: boolean;
};

export type Workload = {
  readonly name: string;
  readonly provider: string;
  /** Quadlet unit file, `myapp.container` or the template `worker@.container`. */
  readonly unit: string;
  readonly dependsOn: readonly string[];
  readonly secrets: readonly SecretSpec[];
};
