// The provider's part of the Config: each project with the auth that applies to it.

import type { AuthConfig, CertificateConfig, InfisicalConfig, ProjectConfig } from '../config.ts';
import * as defaults from './defaults.ts';
import { parseDuration } from '../schema/duration.ts';
import type { RawAuth } from '../schema/auth.ts';
import type { RawCertificate, RawInfisical } from '../schema/schema.ts';
import { toSecretField, toTokenSource } from '../schema/secret-field.ts';

export function assembleInfisical(raw: RawInfisical, caCert: string | undefined): InfisicalConfig {
  const auth = raw.auth && assembleAuth(raw.auth);
  return {
    kind: 'infisical',
    apiUrl: raw.api_url ?? defaults.DEFAULT_API_URL,
    verifySsl: raw.verify_ssl ?? true,
    caCert: raw.ca_cert ?? caCert,
    apiVersion: raw.api_version ?? 'auto',
    token: { ttlMs: raw.token?.ttl },
    auth,
    headers: new Map(Object.entries(raw.headers ?? {})),
    projects: assembleProjects(raw.projects ?? {}, auth),
    certificates: new Map(
      Object.entries(raw.tls?.certificates ?? {}).map(([name, certificate]) => [
        name,
        assembleCertificate(certificate),
      ]),
    ),
  };
}

function assembleProjects(
  raw: NonNullable<RawInfisical['projects']>,
  common: AuthConfig | undefined,
): ReadonlyMap<string, ProjectConfig> {
  const projects = new Map<string, ProjectConfig>();
  for (const [alias, project] of Object.entries(raw)) {
    const auth = project.auth === undefined ? common : assembleAuth(project.auth);
    // Without any auth the cross checks have refused the file (NO_AUTH).
    if (auth === undefined) continue;
    projects.set(alias, { id: project.id, environment: project.environment ?? defaults.DEFAULT_ENVIRONMENT, auth });
  }
  return projects;
}

function assembleAuth(raw: RawAuth): AuthConfig {
  if (raw.method === 'token') return { method: raw.method, accessToken: toSecretField(raw.access_token) };
  const organization = raw.organization;
  if (raw.method === 'universal-auth') {
    return {
      method: raw.method,
      organization,
      clientId: raw.client_id,
      clientSecret: toSecretField(raw.client_secret),
    };
  }
  const common = { organization, identityId: raw.identity_id };
  switch (raw.method) {
    case 'aws-iam':
      return { ...common, method: raw.method, region: raw.region };
    case 'gcp': {
      const key = raw.service_account_key;
      return { ...common, method: raw.method, serviceAccountKey: key === undefined ? undefined : toSecretField(key) };
    }
    case 'azure': {
      const resource = raw.resource ?? defaults.AZURE_RESOURCE;
      return { ...common, method: raw.method, resource, managedIdentity: raw.client_id };
    }
    case 'oidc':
    case 'jwt':
      return { ...common, method: raw.method, jwt: toTokenSource(raw.jwt) };
    case 'kubernetes':
      return { ...common, method: raw.method, jwt: toTokenSource(raw.jwt ?? { file: defaults.KUBERNETES_TOKEN }) };
    case 'tls-cert': {
      const certificate = toSecretField(raw.certificate);
      return { ...common, method: raw.method, certificate, privateKey: toSecretField(raw.private_key) };
    }
    case 'ldap':
      return { ...common, method: raw.method, username: raw.username, password: toSecretField(raw.password) };
  }
}

function assembleCertificate(raw: RawCertificate): CertificateConfig {
  return {
    project: raw.project,
    profileId: raw.profile_id,
    applicationId: raw.application_id,
    commonName: raw.common_name,
    altNames: raw.alt_names ?? [],
    ttlMs: raw.ttl ?? parseDuration(defaults.CERTIFICATE_DEFAULTS.ttl) ?? 0,
    renewBeforeMs: raw.renew_before ?? parseDuration(defaults.CERTIFICATE_DEFAULTS.renewBefore) ?? 0,
    keyAlgorithm: raw.key_algorithm,
    signatureAlgorithm: raw.signature_algorithm,
    keyUsages: raw.key_usages ?? [],
    extendedKeyUsages: raw.extended_key_usages ?? [],
    removeRoots: raw.remove_roots ?? false,
    output: {
      cert: raw.output.cert,
      key: raw.output.key,
      chain: raw.output.chain,
      ca: raw.output.ca,
      mode: raw.output.mode ?? defaults.CERTIFICATE_DEFAULTS.mode,
    },
    hooks: raw.hooks ?? [],
  };
}
