// Port: Podman's secret store as seen over its REST API. It holds names, ids and driver options; never values.
// Never called while a driver request (lookup, store, delete) is being answered: Podman holds one host-wide lock then.
//
// Failure meaning: HOST (Podman refused or is not reachable; `retry: later` where waiting can help), CONFLICT (name in use).

import type { DriverOptions, RegisteredSecret } from './registered-secret.ts';

export type { DriverOptions, RegisteredSecret } from './registered-secret.ts';

export type NewSecret = {
  readonly name: string;
  /** What Podman's store command gets on stdin: the mapping's bytes. */
  readonly body: string;
  readonly options: DriverOptions;
  readonly labels: Readonly<Record<string, string>>;
};

/** `plain`: letters, digits, `_`, `.` and `-` alone, the first a letter or digit and the last one too, or `_`. `longest`: in characters. */
export type NameRule = { readonly plain: boolean; readonly longest: number };

export type RegistryFeatures = {
  /** Server version as Podman gives it, for messages. */
  readonly version: string;
  /** Quadlet drop-ins and template units: ≥ 5.0. */
  readonly dropIns: boolean;
  /** Which names of secrets it takes. */
  readonly names: NameRule;
  /** Replace in one locked step: ≥ 4.7. */
  readonly replace: boolean;
};

export type SecretRegistry = {
  readonly features: () => Promise<RegistryFeatures>;
  readonly list: () => Promise<readonly RegisteredSecret[]>;
  /** Creates with driver `shell` and the given options, and reads it back: another driver or other options is HOST. Returns the id. */
  readonly create: (secret: NewSecret) => Promise<string>;
  /**
   * Gives an existing name new options: one locked step inside Podman where it can (≥ 4.7), else remove and create.
   * The old id is checked to exist first: replacing a name that is not there makes Podman delete another secret. Returns the new id.
   */
  readonly replace: (current: RegisteredSecret, secret: NewSecret) => Promise<string>;
  /** By its id, which is checked to be that of this name first. Podman runs the delete command that was frozen into it. */
  readonly remove: (secret: RegisteredSecret) => Promise<void>;
};
