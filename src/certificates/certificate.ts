// A certificate: as the config wants it, and what PSI remembers of it between two runs. No key is in here.

export type CertificateOutput = {
  readonly cert: string;
  readonly key: string;
  readonly chain: string;
  readonly ca: string | undefined;
  /** Octal text, for all but the key. */
  readonly mode: string;
};

export type WantedCertificate = {
  readonly name: string;
  readonly project: string;
  readonly profileId: string;
  readonly applicationId: string | undefined;
  readonly commonName: string;
  readonly altNames: readonly { readonly type: string; readonly value: string }[];
  /** Whole minutes. */
  readonly ttlMs: number;
  readonly renewBeforeMs: number;
  readonly keyAlgorithm: string | undefined;
  readonly signatureAlgorithm: string | undefined;
  readonly keyUsages: readonly string[];
  readonly extendedKeyUsages: readonly string[];
  readonly removeRoots: boolean;
  readonly output: CertificateOutput;
  /** Each an argv. */
  readonly hooks: readonly (readonly string[])[];
};

/** What a leaf says of itself. Times are milliseconds since 1970; the serial number is upper-case hex without leading zeros. */
export type LeafFacts = { readonly serial: string; readonly notBefore: number; readonly notAfter: number };

/** One that PSI has put in place. `obtainedAt`: when; undefined where an earlier version has. */
export type OwnCertificate = LeafFacts & { readonly id: string; readonly obtainedAt?: number };

/** Ordered and not in place yet. */
export type PendingRequest = {
  /** Digest of what was asked for. */
  readonly asked: string;
  readonly since: number;
  /** In the authority's words, such as `pending_approval`. */
  readonly status: string;
  /** What to ask for it by, while it is not issued. */
  readonly requestId: string | undefined;
  /** Issued under this id, but its files are not in place. */
  readonly certificateId: string | undefined;
};

export type CertificateProblem = {
  readonly at: number;
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
};

export type CertificateState = {
  /** Digest of what the certificate was asked for with; undefined: unknown, as the Python PSI kept none. */
  readonly asked: string | undefined;
  readonly certificate: OwnCertificate | undefined;
  readonly request: PendingRequest | undefined;
  /** Hooks that have not succeeded since the files were replaced. */
  readonly owedHooks: readonly (readonly string[])[];
  readonly problem: CertificateProblem | undefined;
};

export const NO_STATE: CertificateState = {
  asked: undefined,
  certificate: undefined,
  request: undefined,
  owedHooks: [],
  problem: undefined,
};

/** All that the authority is asked for, as one text: where it differs, a renewal would bring the old wishes back. */
export function askedText(wanted: WantedCertificate): string {
  const { project, profileId, applicationId, commonName, ttlMs, keyAlgorithm, signatureAlgorithm, removeRoots } =
    wanted;
  const altNames = wanted.altNames.map(({ type, value }) => `${type}:${value}`).sort();
  const usages = [[...wanted.keyUsages].sort(), [...wanted.extendedKeyUsages].sort()];
  const algorithms = [keyAlgorithm ?? null, signatureAlgorithm ?? null];
  return JSON.stringify([
    ...[project, profileId, applicationId ?? null, commonName, altNames, ttlMs],
    ...[algorithms, usages, removeRoots],
  ]);
}

export function serialOf(text: string): string {
  return text
    .replace(/[^0-9A-Fa-f]/g, '')
    .replace(/^0+(?=.)/, '')
    .toUpperCase();
}
