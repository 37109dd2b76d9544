// One way to log in, as the session needs it. A method is one file beside this one.

import type { SecretValue } from '../../../core/secret.ts';

export type Login = {
  readonly method: string;
  /** What tells this identity from others, without anything secret. */
  readonly identity: readonly string[];
  /** Who logs in, for messages. */
  readonly who: string;
  /** What it rests on, read afresh each time. A token that was obtained with another one is not used. */
  readonly credential: () => Promise<SecretValue>;
  readonly request: (credential: SecretValue) => {
    readonly path: string;
    readonly body: Readonly<Record<string, string>>;
  };
  /** What to do when the server refuses who logs in. */
  readonly refusedHint: string;
};

export type ResolveSecret<Field> = (field: Field) => Promise<SecretValue>;
