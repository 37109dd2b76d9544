// The configuration file as it is written: keys as the Python PSI named them, values decoded by their leaves. What depends on two
// places at once is in checks.ts.

import * as t from 'io-ts';
import * as f from './fields.ts';
import * as names from './name-fields.ts';
import { absolutePath, folder, socketPath } from './path-fields.ts';
import { headerName, url } from './url-fields.ts';
import { certificateTtl, duration, positiveDuration } from './duration.ts';
import { choice } from './leaf.ts';
import { authCodec } from './auth.ts';
import { listOf, mapOf, section } from './section.ts';
import { secretField } from './secret-field.ts';

const project = section(
  { id: f.line('text (project id)', true) },
  { environment: f.line('text (environment slug)', true), auth: authCodec },
);

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

const infisical = section(
  {},
  {
    api_url: url,
    allow_http: f.boolean,
    verify_ssl: f.boolean,
    ca_cert: absolutePath,
    api_version: choice(['auto', 'v4', 'v3']),
    token: section({}, { ttl: positiveDuration }),
    auth: authCodec,
    headers: mapOf(headerName, f.line('text', false), 'header names to text'),
    projects: mapOf(names.name, project, 'project names'),
    tls: section({}, { certificates: mapOf(names.name, certificate, 'certificate names') }),
  },
);

const cache = section(
  {},
  {
    enabled: f.boolean,
    backend: choice(['tpm', 'hsm', 'credential']),
    path: absolutePath,
    refresh_interval: positiveDuration,
    refresh_randomized_delay: duration,
    max_age: positiveDuration,
    tpm: section(
      {},
      {
        tcti: f.line('text (TCTI such as device:/dev/tpmrm0)', true),
        pcrs: listOf(f.integer(0, 23, 'BAD_PCR')),
        bank: choice(['sha1', 'sha256', 'sha384', 'sha512']),
        auth: secretField,
      },
    ),
    hsm: section(
      { module: absolutePath },
      {
        library_parameters: f.line('text', true),
        token: f.line('text (token label)', true),
        serial: f.line('text (token serial number)', true),
        slot: f.integer(0, 0xffff_ffff),
        key: f.line('text (key label)', true),
        key_id: f.hex,
        pin: secretField,
      },
    ),
    credential: names.name,
  },
);

const source = section(
  { project: names.name },
  {
    path: folder,
    recursive: f.boolean,
    include: listOf(names.keyPattern),
    exclude: listOf(names.keyPattern),
    prefix: names.prefix,
    as: choice(['env', 'mount']),
    mode: f.mode,
  },
);

const workload = section(
  {},
  { provider: names.name, unit: names.unitFile, depends_on: listOf(names.unitName), secrets: listOf(source) },
);

export const configCodec = section(
  {},
  {
    state_dir: absolutePath,
    systemd_dir: absolutePath,
    socket: socketPath,
    control_socket: socketPath,
    podman_socket: socketPath,
    dbus_socket: socketPath,
    ca_cert: absolutePath,
    socket_token: secretField,
    lookup: section({}, { timeout: positiveDuration, batch_window: duration }),
    providers: section({}, { infisical }),
    cache,
    workloads: mapOf(names.workloadName, workload, 'workload names'),
  },
);

export type RawConfig = t.TypeOf<typeof configCodec>;
export type RawInfisical = t.TypeOf<typeof infisical>;
export type RawCache = t.TypeOf<typeof cache>;
export type RawCertificate = t.TypeOf<typeof certificate>;
