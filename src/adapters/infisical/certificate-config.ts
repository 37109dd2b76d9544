// `tls.certificates` of an entry of `providers:`: how certificates are written, checked and read.

import { mapOf, projectCheck, samePlace, type Plain } from '../../config/findings/check-parts.ts';
import type { Finding, Path } from '../../config/findings/finding.ts';
import { LEAST_WINDOW_MS } from '../../certificates/looks.ts';
import { wantedWindow } from '../../certificates/plan.ts';
import { spanText } from '../../core/time.ts';
import { certificateTtl, parseDuration, positiveDuration } from '../../config/schema/duration.ts';
import * as f from '../../config/schema/fields.ts';
import { choice } from '../../config/schema/leaf.ts';
import * as names from '../../config/schema/name-fields.ts';
import { absolutePath } from '../../config/schema/path-fields.ts';
import { listOf, mapSection, section, type Decoded } from '../../config/schema/section.ts';
import type { CertificateConfig } from '../../provider/provider.ts';

const certificate = section(
  {
    project: names.name,
    profile_id: f.line('text (certificate profile id)', true),
    common_name: f.line('text (host name)', true),
    output: section({ cert: absolutePath, key: absolutePath, chain: absolutePath }, { ca: absolutePath, mode: f.mode }),
  },
  {
    application_id: f.line('text (application id)', true),
    alt_names: listOf(
      section(
        { type: choice(['dns_name', 'ip_address', 'email', 'uri']), value: f.line('text (alternative name)', true) },
        {},
      ),
    ),
    ttl: certificateTtl,
    renew_before: positiveDuration,
    key_algorithm: f.line('text (key algorithm such as EC_prime256v1)', true),
    signature_algorithm: f.line('text (signature algorithm such as ECDSA-SHA256)', true),
    key_usages: listOf(f.line('text (key usage such as digital_signature)', true)),
    extended_key_usages: listOf(f.line('text (extended key usage such as server_auth)', true)),
    remove_roots: f.boolean,
    hooks: listOf(f.command(true)),
  },
);

export const tlsCodec = section({}, { certificates: mapSection(names.name, certificate, 'certificate names') });

const DEFAULTS = { ttl: '90d', renewBefore: '30d', mode: '0640' } as const;

export function assembleCertificates({ certificates = {} }: Decoded<typeof tlsCodec> = {}): ReadonlyMap<
  string,
  CertificateConfig
> {
  return new Map(Object.entries(certificates).map(([name, raw]) => [name, assembleCertificate(raw)]));
}

function assembleCertificate(raw: Decoded<typeof certificate>): CertificateConfig {
  return {
    project: raw.project,
    profileId: raw.profile_id,
    applicationId: raw.application_id,
    commonName: raw.common_name,
    altNames: raw.alt_names ?? [],
    ttlMs: raw.ttl ?? parseDuration(DEFAULTS.ttl) ?? 0,
    renewBeforeMs: raw.renew_before ?? parseDuration(DEFAULTS.renewBefore) ?? 0,
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
      mode: raw.output.mode ?? DEFAULTS.mode,
    },
    hooks: raw.hooks ?? [],
  };
}

/** Project, dates, and files that would overwrite each other. `entry`: of the provider, standing at `at`. */
export function certificateChecks(entry: Plain, at: Path): readonly Finding[] {
  const certificates = mapOf(mapOf(entry['tls'])['certificates']);
  const projects = Object.keys(mapOf(entry['projects']));
  const path = [...at, 'tls', 'certificates'];
  const outputs = Object.keys(certificates).flatMap((name) =>
    ['cert', 'key', 'chain', 'ca'].map((file) => [name, 'output', file]),
  );
  return [
    ...samePlace(certificates, outputs, path),
    ...Object.entries(certificates).flatMap(([name, given]) => {
      const one = mapOf(given);
      return [
        ...projectCheck(one['project'], projects, [...path, name, 'project']),
        ...datesCheck(one, [...path, name]),
      ];
    }),
  ];
}

function datesCheck(one: Plain, path: Path): readonly Finding[] {
  const ttl = parseDuration(one['ttl'] ?? DEFAULTS.ttl);
  const before = parseDuration(one['renew_before'] ?? DEFAULTS.renewBefore);
  if (!ttl || !before) return [];
  const at = [...path, one['renew_before'] === undefined ? 'ttl' : 'renew_before'];
  const window = wantedWindow({ ttlMs: ttl, renewBeforeMs: before });
  if (window < LEAST_WINDOW_MS) {
    const expected = `renewal ${spanText(LEAST_WINDOW_MS)} before the end at least`;
    return [{ code: 'RENEW_TOO_LATE', path: at, expected, got: `renewal ${spanText(window)} before the end` }];
  }
  if (window === before) return [];
  const expected = 'renew_before of two thirds of ttl at most';
  return [{ code: 'RENEW_TOO_EARLY', path: at, expected, got: 'renewal before a third of its life has passed' }];
}
