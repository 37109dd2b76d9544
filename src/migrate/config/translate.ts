// The Python PSI's config as this psi takes it: what has a meaning keeps it, what had none is left out and named.

import { printable } from '../../core/naming.ts';
import type { Scope } from '../../core/scope.ts';
import { given, isRecord, listOf, mapOf, type Plain } from '../plain.ts';
import { Remarks } from '../remarks.ts';
import { cache } from './cache.ts';
import { path, text } from './fields.ts';
import { infisical } from './infisical.ts';
import { oldTokens, sealingProvider, TOKENS, type OldToken, type PinSource } from './nitrokeyhsm.ts';
import { overridden, type PsiEnvironment } from './overrides.ts';
import { workloads } from './workloads.ts';

/** What a socket asks for. `text`: what the config said. */
export type TokenField =
  | { readonly kind: 'none' | 'text' }
  | { readonly kind: 'credential'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string };

export type OldSurroundings = {
  readonly scope: Scope;
  /** Undefined: it has no unit here. */
  readonly mode: 'native' | 'container' | undefined;
  /** `PSI_…` of its service. */
  readonly env: PsiEnvironment;
  readonly token: TokenField;
  readonly pin: PinSource;
};

export type Translated = Pick<Remarks, 'notes' | 'refusals'> & { readonly config: Plain };

const TOP = ['scope', 'state_dir', 'systemd_dir', 'ca_cert', 'socket_token', 'providers', 'workloads', 'cache'];
/** At the top before the providers had names. */
const FLAT = ['api_url', 'verify_ssl', 'auth', 'projects', 'tls', 'token'];

export function translate(value: unknown, surroundings: OldSurroundings): Translated {
  const remarks = new Remarks();
  if (value !== null && value !== undefined && !isRecord(value)) {
    remarks.refuse(
      'config',
      'it is no map; the Python PSI refuses it too',
      'write keys such as providers: and workloads:',
    );
    return { notes: remarks.notes, refusals: remarks.refusals, config: {} };
  }
  const merged = overridden(grouped(lowered(mapOf(value)), remarks), surroundings.env, remarks);
  return { config: wholeFile(merged, surroundings, remarks), notes: remarks.notes, refusals: remarks.refusals };
}

function wholeFile(file: Plain, surroundings: OldSurroundings, remarks: Remarks): Plain {
  for (const key of Object.keys(file)) {
    if (!TOP.includes(key)) remarks.refuse(printable(key), 'it is no key; the Python PSI refuses it too', 'remove it');
    else if (file[key] === null)
      remarks.refuse(key, 'it has no value; the Python PSI refuses it too', 'remove it, or write a value');
  }
  if (file['scope'] !== undefined) remarks.note('scope', 'it was ignored: who runs psi decides, here as there');
  const all = mapOf(file['providers']);
  const tokens = oldTokens(all, surroundings.pin, remarks);
  return given({
    ...places(file, surroundings, remarks),
    socket_token: socketToken(file, surroundings.token, remarks),
    providers: file['providers'] === undefined ? undefined : providers(all, tokens, usedProjects(file), remarks),
    cache: file['cache'] === null ? undefined : cache(file['cache'], keyToken(tokens), remarks),
    workloads: file['workloads'] === null ? undefined : workloads(file['workloads'], Object.keys(all), remarks),
  });
}

function lowered(file: Plain): Plain {
  return Object.fromEntries(Object.entries(file).map(([key, value]) => [key.toLowerCase(), value]));
}

/** A config of before 5460e03. */
function grouped(file: Plain, remarks: Remarks): Plain {
  const flat = FLAT.filter((key) => file[key] !== undefined);
  if (flat.length === 0 || file['providers'] !== undefined) return file;
  remarks.note(flat.join(', '), 'an earlier Python PSI had it at the top: it is under providers.infisical now');
  const rest = Object.fromEntries(Object.entries(file).filter(([key]) => !FLAT.includes(key)));
  return { ...rest, providers: { infisical: Object.fromEntries(flat.map((key) => [key, file[key]])) } };
}

const SYSTEM_PLACES: Plain = { state_dir: '/var/lib/psi', systemd_dir: '/etc/containers/systemd' };

function places(file: Plain, { scope, mode }: OldSurroundings, remarks: Remarks): Plain {
  const folder = (key: string): string | undefined => {
    // A user's PSI took its own place for the system's even where that was written out.
    if (scope === 'user' && file[key] === SYSTEM_PLACES[key]) return undefined;
    return file[key] === null ? undefined : path(remarks, file, key, '');
  };
  const authority = file['ca_cert'] === null ? undefined : path(remarks, file, 'ca_cert', '');
  if (authority !== undefined && mode !== 'container')
    remarks.note(
      'ca_cert',
      'it was mounted into containers alone, and had no effect here: it is left out',
      `if the server's certificate is of a private CA, write ca_cert: ${printable(authority)} there again`,
    );
  return {
    state_dir: folder('state_dir'),
    systemd_dir: folder('systemd_dir'),
    ca_cert: mode === 'container' ? authority : undefined,
  };
}

/** Its environment goes over its credential, and that over the config: `token` says which of them it was. */
function socketToken(file: Plain, token: TokenField, remarks: Remarks): unknown {
  if (token.kind === 'credential') return { credential: token.name };
  if (token.kind === 'file') return { file: token.path };
  if (token.kind === 'none') return undefined;
  const written = file['socket_token'] === null ? undefined : text(remarks, file, 'socket_token', '');
  return written === '' ? undefined : written?.replace(/\n$/, '');
}

function keyToken(tokens: readonly OldToken[]): OldToken | undefined {
  return tokens.find(({ name }) => name === TOKENS[0]) ?? tokens[0];
}

function providers(all: Plain, tokens: readonly OldToken[], used: ReadonlySet<string>, remarks: Remarks): Plain {
  for (const name of Object.keys(all)) {
    if (name === 'infisical' || TOKENS.includes(name)) continue;
    remarks.refuse(`providers.${printable(name)}`, 'the Python PSI serves no such provider', 'remove it');
  }
  return given({
    infisical: all['infisical'] === undefined ? undefined : infisical(all['infisical'], used, remarks),
    ...Object.fromEntries(tokens.map((token) => [token.name, sealingProvider(token)])),
  });
}

function usedProjects(file: Plain): ReadonlySet<string> {
  const sources = Object.values(mapOf(file['workloads'])).flatMap((one) => listOf(mapOf(one)['secrets']));
  return new Set(sources.map((one) => String(mapOf(one)['project'])));
}
