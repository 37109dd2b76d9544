// What the rest of PSI sees of the configuration: decoded, checked, camelCase, durations in milliseconds, paths absolute.
// Types only; how a file becomes a Config is load.ts's business.

import type { WantedCertificate } from '../certificates/certificate.ts';
import type { SecretField, TokenSource } from '../core/secret-field.ts';
import type { Workload } from '../core/workload.ts';

/** Rejects as node:fs does: an error with `code` ENOENT, EACCES, EISDIR, ... */
export type ReadFile = (path: string) => Promise<Uint8Array>;

export type Env = Readonly<Record<string, string | undefined>>;

export type Scope = 'system' | 'user';

/** Sub-organization to log in to; most installations need none. */
type Organization = { readonly organization: string | undefined };

export type UniversalAuth = Organization & {
  readonly method: 'universal-auth';
  readonly clientId: string;
  readonly clientSecret: SecretField;
};

export type AuthConfig =
  | UniversalAuth
  | (Organization & { readonly method: 'aws-iam'; readonly identityId: string; readonly region: string | undefined })
  /** With a service-account key a self-signed token (`iam`), without one the instance's identity token (`gce`). */
  | (Organization & {
      readonly method: 'gcp';
      readonly identityId: string;
      readonly serviceAccountKey: SecretField | undefined;
    })
  /** `managedIdentity`: client id of a user-assigned identity. */
  | (Organization & {
      readonly method: 'azure';
      readonly identityId: string;
      readonly resource: string;
      readonly managedIdentity: string | undefined;
    })
  | { readonly method: 'token'; readonly accessToken: SecretField }
  | (Organization & { readonly method: 'oidc' | 'jwt'; readonly identityId: string; readonly jwt: TokenSource })
  | (Organization & { readonly method: 'kubernetes'; readonly identityId: string; readonly jwt: TokenSource })
  | (Organization & {
      readonly method: 'tls-cert';
      readonly identityId: string;
      readonly certificate: SecretField;
      readonly privateKey: SecretField;
    })
  | (Organization & {
      readonly method: 'ldap';
      readonly identityId: string;
      readonly username: string;
      readonly password: SecretField;
    });

export type ProjectConfig = {
  readonly id: string;
  readonly environment: string;
  /** The project's own, else the provider's. */
  readonly auth: AuthConfig;
};

/** Named by its key. */
export type CertificateConfig = Omit<WantedCertificate, 'name' | 'altNames'> & {
  readonly altNames: readonly { readonly type: AltNameType; readonly value: string }[];
};

export type AltNameType = 'dns_name' | 'ip_address' | 'email' | 'uri';

export type InfisicalConfig = {
  readonly kind: 'infisical';
  /** Without a trailing slash and without `/api`. */
  readonly apiUrl: string;
  readonly verifySsl: boolean;
  /** The provider's own, else the top-level one. */
  readonly caCert: string | undefined;
  readonly apiVersion: 'auto' | 'v4' | 'v3';
  /** Upper bound for a token's life; undefined: as long as the server says. */
  readonly token: { readonly ttlMs: number | undefined };
  readonly auth: AuthConfig | undefined;
  /** Sent with each request, for gateways in front of the server. A value may be a gateway's secret: never log it. */
  readonly headers: ReadonlyMap<string, string>;
  readonly projects: ReadonlyMap<string, ProjectConfig>;
  readonly certificates: ReadonlyMap<string, CertificateConfig>;
};

export type ProviderConfig = InfisicalConfig;

export type TpmConfig = {
  readonly tcti: string;
  /** Empty: not bound to the boot state. */
  readonly pcrs: readonly number[];
  readonly bank: 'sha1' | 'sha256' | 'sha384' | 'sha512';
  readonly auth: SecretField | undefined;
};

export type HsmConfig = {
  readonly module: string;
  /** Text for C_Initialize, which some soft tokens want. */
  readonly libraryParameters: string | undefined;
  readonly token: {
    readonly label: string | undefined;
    readonly serial: string | undefined;
    readonly slot: number | undefined;
  };
  /** `id` is lower-case hex. */
  readonly key: { readonly label: string | undefined; readonly id: string | undefined };
  readonly pin: SecretField | undefined;
};

export type CacheConfig = {
  readonly enabled: boolean;
  /** Undefined: nothing is cached on disk (the Python PSI allowed it, so it stays valid). */
  readonly backend: 'tpm' | 'hsm' | 'credential' | undefined;
  readonly path: string;
  readonly refreshIntervalMs: number;
  readonly refreshRandomizedDelayMs: number;
  readonly maxAgeMs: number | undefined;
  readonly tpm: TpmConfig;
  /** Always there when `backend` is `hsm`. */
  readonly hsm: HsmConfig | undefined;
  /** Name of the systemd credential that holds the key, for `backend: credential`. */
  readonly credential: string;
};

export type Config = {
  /** The file it was read from. */
  readonly file: string;
  readonly scope: Scope;
  readonly stateDir: string;
  readonly systemdDir: string;
  readonly socket: string;
  readonly controlSocket: string;
  readonly podmanSocket: string;
  readonly dbusSocket: string;
  readonly caCert: string | undefined;
  readonly socketToken: SecretField | undefined;
  readonly lookup: { readonly timeoutMs: number; readonly batchWindowMs: number };
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  readonly cache: CacheConfig | undefined;
  readonly workloads: readonly Workload[];
};
