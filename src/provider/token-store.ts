// Port: access tokens kept between runs, so that a restart costs no login. Losing one costs a login and nothing else.

export type StoredToken = {
  /** The bearer token itself: a secret. */
  readonly token: string;
  /** Wall clock, milliseconds since 1970. */
  readonly expiresAt: number;
  /** Salted digest of the credential it was obtained with: another credential makes the token worthless. */
  readonly secretTag: string;
};

export type TokenStore = {
  /** undefined: none there, or unreadable. `name` is 12 hex digits. */
  readonly get: (name: string) => Promise<StoredToken | undefined>;
  /** Durable and readable by the owner only. Failure: HOST; the caller may go on without. */
  readonly put: (name: string, token: StoredToken) => Promise<void>;
  readonly remove: (name: string) => Promise<void>;
};
