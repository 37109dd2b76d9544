// The double's words: what an Infisical server stores, as far as a client can see it.
// Types only; state.ts owns the instances. Optional fields carry `| undefined` so that decoded seeds fit them.

/** Which server the double is; generations.ts says what each of them does and where it was seen. */
export type Generation = 'v4' | '2025-v4' | '2025' | '2024';

/** Milliseconds since the epoch; injected so that tests let tokens, lockouts and rate windows pass without waiting. */
export type Clock = () => number;

export type SecretType = 'shared' | 'personal';

export interface SecretTag {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly color: string;
}

export interface SecretMetadata {
  readonly key: string;
  readonly value: string;
  readonly isEncrypted: boolean;
}

export interface StoredSecret {
  readonly id: string;
  readonly key: string;
  readonly value: string;
  readonly comment: string;
  readonly type: SecretType;
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly skipMultilineEncoding: boolean;
  readonly metadata: readonly SecretMetadata[];
  readonly tags: readonly SecretTag[];
  /** Older values by version number. */
  readonly history: ReadonlyMap<number, string>;
}

export interface ImportLink {
  readonly id: string;
  readonly environment: string;
  readonly path: string;
}

export interface Folder {
  readonly id: string;
  readonly path: string;
  readonly createdAt: string;
  readonly secrets: Map<string, StoredSecret>;
  readonly imports: ImportLink[];
}

export interface Environment {
  readonly id: string;
  readonly slug: string;
  readonly folders: Map<string, Folder>;
}

export interface Project {
  readonly id: string;
  readonly slug: string;
  readonly environments: Map<string, Environment>;
}

export type Action = 'describe' | 'readValue' | 'create' | 'edit' | 'delete';

/** Addresses and networks (`10.0.0.0/8`) from which a login, and a call with a token, is taken; undefined: from everywhere. */
export interface TrustedAddresses {
  login: readonly string[] | undefined;
  token: readonly string[] | undefined;
}

/** Takes actions away. Absent fields match everything; a path ending in `/**` covers the folder and all below it. */
export interface Denial {
  readonly project?: string | undefined;
  readonly environment?: string | undefined;
  readonly path?: string | undefined;
  readonly key?: string | undefined;
  readonly actions: readonly Action[];
}

export interface Lockout {
  readonly enabled: boolean;
  readonly threshold: number;
  readonly durationSeconds: number;
  readonly counterResetSeconds: number;
}

export interface Identity {
  readonly id: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly createdAt: number;
  /** Seconds; 0 means none, as on the server. */
  readonly accessTokenTtl: number;
  readonly accessTokenMaxTtl: number;
  readonly accessTokenUsesLimit: number;
  readonly clientSecretTtl: number;
  readonly clientSecretUsesLimit: number;
  readonly lockout: Lockout;
  /** Project ids the identity is a member of; undefined means every project. */
  readonly projects: readonly string[] | undefined;
  readonly denials: Denial[];
  /** What it lacks, a built-in role never had: a refusal has no rules to show then. */
  readonly builtInRole: boolean;
  readonly trusted: TrustedAddresses;
}

export interface Place {
  readonly project: Project;
  readonly environment: string;
  readonly path: string;
}
