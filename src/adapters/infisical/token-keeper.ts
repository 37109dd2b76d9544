// Who has the access token of one identity: by logging in (session.ts), or because it is the credential (auth/access-token.ts).

export type TokenKeeper = {
  /** Fails with the signal when it aborts. */
  readonly token: (signal: AbortSignal) => Promise<string>;
  /** The server no longer takes this token. */
  readonly discard: (token: string) => void;
};
