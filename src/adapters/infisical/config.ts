// An entry of `providers:` that is an Infisical: how it is written, checked and read.

import { isRecord } from '../../config/schema/shape.ts';
import { mapOf, type Plain } from '../../config/findings/check-parts.ts';
import type { Finding, Path } from '../../config/findings/finding.ts';
import { providerSection, type CommonSettings } from '../../config/provider-section.ts';
import { positiveDuration } from '../../config/schema/duration.ts';
import * as f from '../../config/schema/fields.ts';
import { choice } from '../../config/schema/leaf.ts';
import * as names from '../../config/schema/name-fields.ts';
import { absolutePath } from '../../config/schema/path-fields.ts';
import { proxyField, toProxySetting } from '../../config/schema/proxy-field.ts';
import { mapSection, section, type Decoded } from '../../config/schema/section.ts';
import { headerName, isPlainHttp, url } from '../../config/schema/url-fields.ts';
import type { CertificateConfig } from '../../provider/provider.ts';
import { assembleAuth, authCodec, type Auth } from './auth/methods.ts';
import { INFISICAL_WORDS } from './provider-words.ts';
import type { ProxySetting } from './proxy.ts';
import { assembleCertificates, certificateChecks, tlsCodec } from './certificate-config.ts';

const VERSIONS = ['auto', 'v4', 'v3'] as const;

const project = section(
  { id: f.line('text (project id)', true) },
  { environment: f.line('text (environment slug)', true), auth: authCodec },
);

const infisical = section(
  {},
  {
    api_url: url,
    allow_http: f.boolean,
    verify_ssl: f.boolean,
    ca_cert: absolutePath,
    proxy: proxyField,
    api_version: choice(VERSIONS),
    token: section({}, { ttl: positiveDuration }),
    auth: authCodec,
    headers: mapSection(headerName, f.line('text', false), 'header names to text'),
    projects: mapSection(names.name, project, 'project names'),
    tls: tlsCodec,
  },
);

const DEFAULTS = { apiUrl: 'https://app.infisical.com', environment: 'prod' } as const;

export type InfisicalProject = {
  readonly id: string;
  readonly environment: string;
  /** The project's own, else the provider's. */
  readonly auth: Auth;
};

export type InfisicalConfig = {
  readonly kind: 'infisical';
  /** Without a trailing slash and without `/api`. */
  readonly apiUrl: string;
  readonly verifySsl: boolean;
  /** The provider's own, else the top-level one. */
  readonly caCert: string | undefined;
  /** undefined: the environment says which, if any. */
  readonly proxy: ProxySetting | undefined;
  readonly apiVersion: (typeof VERSIONS)[number];
  /** Upper bound for a token's life; undefined: as long as the server says. */
  readonly token: { readonly ttlMs: number | undefined };
  /** What projects without an auth of their own use. */
  readonly auth: Auth | undefined;
  /** Sent with each request, for gateways in front of the server. A value may be a gateway's secret: never log it. */
  readonly headers: ReadonlyMap<string, string>;
  readonly projects: ReadonlyMap<string, InfisicalProject>;
  readonly certificates: ReadonlyMap<string, CertificateConfig>;
};

export const infisicalSection = providerSection({
  kind: 'infisical',
  words: INFISICAL_WORDS,
  codec: infisical,
  shared: new Map([[authCodec, 'auth']]),
  checks: (entry, at) => [...certificateChecks(entry, at), ...urlChecks(entry, at), ...authChecks(entry, at)],
  assemble,
});

function assemble(raw: Decoded<typeof infisical>, common: CommonSettings): InfisicalConfig {
  const auth = raw.auth && assembleAuth(raw.auth);
  return {
    kind: 'infisical',
    apiUrl: raw.api_url ?? DEFAULTS.apiUrl,
    verifySsl: raw.verify_ssl ?? true,
    caCert: raw.ca_cert ?? common.caCert,
    proxy: raw.proxy === undefined ? undefined : toProxySetting(raw.proxy),
    apiVersion: raw.api_version ?? 'auto',
    token: { ttlMs: raw.token?.ttl },
    auth,
    headers: new Map(Object.entries(raw.headers ?? {})),
    projects: assembleProjects(raw.projects ?? {}, auth),
    certificates: assembleCertificates(raw.tls),
  };
}

function assembleProjects(
  raw: Readonly<Record<string, Decoded<typeof project>>>,
  common: Auth | undefined,
): ReadonlyMap<string, InfisicalProject> {
  const projects = new Map<string, InfisicalProject>();
  for (const [alias, one] of Object.entries(raw)) {
    const auth = one.auth === undefined ? common : assembleAuth(one.auth);
    // Without any auth the checks have refused the file (NO_AUTH).
    if (auth === undefined) continue;
    projects.set(alias, { id: one.id, environment: one.environment ?? DEFAULTS.environment, auth });
  }
  return projects;
}

function urlChecks(entry: Plain, at: Path): readonly Finding[] {
  const given = entry['api_url'];
  if (typeof given !== 'string' || !isPlainHttp(given) || entry['allow_http'] === true) return [];
  const path = [...at, 'api_url'];
  return [{ code: 'INSECURE_URL', path, expected: 'https URL', got: 'http to another host' }];
}

function authChecks(entry: Plain, at: Path): readonly Finding[] {
  if (entry['auth'] !== undefined) return [];
  return Object.entries(mapOf(entry['projects'])).flatMap(([alias, given]) => {
    if (!isRecord(given) || given['auth'] !== undefined) return [];
    const path = [...at, 'projects', alias];
    return [{ code: 'NO_AUTH', path, atKey: true, expected: 'auth, here or for all projects', got: 'neither' }];
  });
}
