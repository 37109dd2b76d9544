// What Podman's database holds of a secret: names, ids and the frozen driver commands; never a value.

/** The four shell commands Podman freezes into a secret at creation. */
export type DriverOptions = {
  readonly lookup: string;
  readonly store: string;
  readonly delete: string;
  readonly list: string;
};

export type RegisteredSecret = {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly options: Readonly<Record<string, string>>;
  /** Of PSI's label, where Podman shows labels: what it was registered for. */
  readonly workload?: string;
};

/** Of the label that each secret of PSI gets. */
export const WORKLOAD_LABEL = 'psi.workload';

export function sameOptions(wanted: DriverOptions, frozen: Readonly<Record<string, string>>): boolean {
  return (
    Object.keys(frozen).length === 4 &&
    frozen['lookup'] === wanted.lookup &&
    frozen['store'] === wanted.store &&
    frozen['delete'] === wanted.delete &&
    frozen['list'] === wanted.list
  );
}
