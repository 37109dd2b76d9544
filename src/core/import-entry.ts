// One thing to be imported: what any reader of old secrets (env files, Podman secrets, quadlets) hands to the import. Types only.

import type { SecretValue } from './secret.ts';

export type ImportEntry = {
  readonly key: string;
  readonly value: SecretValue;
  /** Where it was found, for messages: `FILE:LINE`, or `podman secret NAME`. */
  readonly from: string;
};
