// Port: a secrets manager, opened for one entry of `providers:` in the config. An adapter implements it; nobody else knows its name.

import type { CertificateAuthority } from '../certificates/certificate-authority.ts';
import type { WantedCertificate } from '../certificates/certificate.ts';
import type { Clock } from '../core/clock.ts';
import type { ProviderWords } from '../core/provider-words.ts';
import type { TokenSource } from '../core/secret-field.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { AnswerRoom } from './answers-in-flight.ts';
import type { ConfiguredIdentity } from './configured-identity.ts';
import type { SecretSource } from './secret-source.ts';
import type { SecretWriter } from './secret-writer.ts';
import type { TokenStore } from './token-store.ts';

/** What the config says about every provider; each kind has more. */
export type ProviderConfig = {
  readonly kind: string;
  /** By the names that workloads use for them. */
  readonly projects: ReadonlyMap<string, ProjectConfig>;
  /** By name; undefined: this kind issues no certificates. */
  readonly certificates: ReadonlyMap<string, CertificateConfig> | undefined;
};

/** `environment` undefined: this kind has none. */
export type ProjectConfig = { readonly environment: string | undefined };

export type CertificateConfig = Omit<WantedCertificate, 'name'>;

export type Provider = {
  readonly words: ProviderWords;
  readonly source: SecretSource;
  /** undefined: secrets are only read from it. */
  readonly writer: SecretWriter | undefined;
  /** undefined: it issues no certificates. */
  readonly authority: CertificateAuthority | undefined;
  /** Those that the config names, to be tried by people. Uses no kept token and keeps none. */
  readonly identities: () => readonly ConfiguredIdentity[];
  /**
   * Asks for nothing, by the way that calls go: resolves if the provider answers at all, without a login, fails if it does not. Absent: there is
   * nothing to ask for without one.
   */
  readonly probe?: (signal: AbortSignal) => Promise<void>;
  /** Ends connections. Calls under way still finish. */
  readonly close: () => void;
};

/** What every adapter is given of the world around it. */
export type ProviderTools = {
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of PSI, for servers that log who asks. */
  readonly version: string;
  readonly readFile: (path: string) => Promise<Uint8Array>;
  /** A fresh read of a secret-valued field. Fails with CONFIG_INVALID if there is nothing to read. */
  readonly resolveSecret: (field: TokenSource) => Promise<SecretValue>;
  readonly tokenStore: TokenStore;
  /** Where answers are counted, so that all providers together keep to one bound of memory. */
  readonly answers: AnswerRoom;
  /** Names this boot of this host. */
  readonly bootId: () => Promise<string>;
};
