// `providers.infisical`: what goes over as it is, and what had no effect there and would have one here.

import { printable } from '../../core/naming.ts';
import { given, isRecord, mapOf, type Plain } from '../plain.ts';
import type { Remarks } from '../remarks.ts';
import { certificates } from './certificates.ts';
import { flag, isName, needed, strangers, text } from './fields.ts';

const AT = 'providers.infisical.';

const METHODS: Readonly<Record<string, readonly string[]>> = {
  'universal-auth': ['client_id', 'client_secret'],
  'aws-iam': ['identity_id'],
  gcp: ['identity_id'],
  azure: ['identity_id'],
};

/** `used`: projects that workloads name. */
export function infisical(value: unknown, used: ReadonlySet<string>, remarks: Remarks): Plain {
  if (!isRecord(value)) {
    remarks.refuse('providers.infisical', 'it is no map; the Python PSI refuses it too', 'write {} or its settings');
    return {};
  }
  strangers(remarks, value, ['api_url', 'verify_ssl', 'ca_cert', 'token', 'auth', 'projects', 'tls'], AT);
  const common = value['auth'] === undefined ? undefined : auth(value['auth'], `${AT}auth`, remarks);
  const tls = value['tls'] === undefined ? undefined : certificates(value['tls'], `${AT}tls`, remarks);
  const ofCertificates = Object.values(mapOf(tls?.['certificates'])).map((one) => String(mapOf(one)['project']));
  const named = new Set([...used, ...ofCertificates]);
  return given({
    ...address(value, remarks),
    verify_ssl: flag(remarks, value, 'verify_ssl', AT),
    token: lifetime(value['token'], remarks),
    auth: common,
    projects: projects(value['projects'], { common: common !== undefined, named }, remarks),
    tls,
  });
}

function address(entry: Plain, remarks: Remarks): Plain {
  const url = text(remarks, entry, 'api_url', AT);
  const authority = entry['ca_cert'] === null ? undefined : text(remarks, entry, 'ca_cert', AT);
  if (authority !== undefined) {
    const hint = `if the server's certificate is of a private CA, write ca_cert: ${printable(authority)} there again`;
    remarks.note(`${AT}ca_cert`, 'it had no effect there, be the file there or not: it is left out', hint);
  }
  if (url === undefined || !/^http:/i.test(url)) return { api_url: url };
  remarks.note(
    `${AT}api_url`,
    'secrets cross the network readable: that is allowed with allow_http',
    'better use https',
  );
  return { api_url: url, allow_http: true };
}

function lifetime(value: unknown, remarks: Remarks): Plain | undefined {
  const token = mapOf(value);
  strangers(remarks, token, ['ttl'], `${AT}token.`);
  const { ttl } = token;
  if (ttl === undefined) return undefined;
  const seconds = typeof ttl === 'string' && /^\s*\d+\s*$/.test(ttl) ? Number(ttl) : ttl;
  if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < 0) {
    remarks.refuse(`${AT}token.ttl`, 'it is no whole number', 'write seconds, such as 300, or remove it');
    return undefined;
  }
  // 0 was no bound, which is the default here.
  return seconds === 0 ? undefined : { ttl: seconds };
}

function auth(value: unknown, at: string, remarks: Remarks): Plain | undefined {
  const entry = mapOf(value);
  const method = needed(remarks, entry, 'method', `${at}.`);
  const fields = METHODS[method ?? ''];
  if (fields === undefined) {
    if (method !== undefined)
      remarks.refuse(
        `${at}.method`,
        'the Python PSI has no such method',
        `write one of ${Object.keys(METHODS).join(', ')}`,
      );
    return undefined;
  }
  strangers(remarks, entry, ['method', ...fields], `${at}.`);
  return given({ method, ...Object.fromEntries(fields.map((key) => [key, needed(remarks, entry, key, `${at}.`)])) });
}

type Named = { readonly common: boolean; readonly named: ReadonlySet<string> };

function projects(value: unknown, { common, named }: Named, remarks: Remarks): Plain | undefined {
  if (value === undefined) return undefined;
  const entries = Object.entries(mapOf(value)).flatMap(([alias, one]) => {
    const at = `${AT}projects.${printable(alias)}`;
    if (!isName(alias)) {
      const hint = 'rename it in the config of the Python PSI, run its `psi setup`, then this again';
      remarks.refuse(at, 'psi takes no such name for a project, and it stands in the mappings of secrets', hint);
    }
    const entry = mapOf(one);
    strangers(remarks, entry, ['id', 'environment', 'auth'], `${at}.`);
    const own =
      entry['auth'] === undefined || entry['auth'] === null ? undefined : auth(entry['auth'], `${at}.auth`, remarks);
    if (own === undefined && !common && !named.has(alias)) {
      remarks.note(at, 'it has no auth, and nothing names it: it is left out', 'add auth where it is to be used');
      return [];
    }
    if (own === undefined && !common) remarks.refuse(at, 'it has no auth', 'add auth to it, or to providers.infisical');
    const environment = text(remarks, entry, 'environment', `${at}.`);
    return [[alias, given({ id: needed(remarks, entry, 'id', `${at}.`), environment, auth: own })] as const];
  });
  return Object.fromEntries(entries);
}
