// A mapping: the coordinates that Podman stores through PSI in place of a value. Its bytes are a public format
// (docs/formats.md): the Python PSI wrote the same, and state it left behind is read as it is.

import { newerThan } from './newer-format.ts';

/** Where one secret lives. `project` is the alias from the config, `path` absolute, `key` the provider's own name. */
export type Mapping = {
  readonly provider: string;
  readonly project: string;
  readonly path: string;
  readonly key: string;
};

/** A value that this host alone has, sealed, in the state folder. */
export type SealedMapping = { readonly provider: string; readonly name: string };

/** The whole value, encrypted for a token, in base64: what the Python PSI wrote for its Nitrokey. */
export type BlobMapping = { readonly provider: string; readonly blob: string };

/** Of a value that is not asked of a secrets manager. */
export type OwnMapping = SealedMapping | BlobMapping;

/** What one secret id stands for. */
export type StoredMapping = Mapping | OwnMapping;

/** Its mappings have no mark: one of a later format has its number in a field `format`. */
export const MAPPING_FORMAT = 1;

const FIELDS = ['provider', 'project', 'path', 'key'] as const;
const NOT_IN_OWN = [...FIELDS.slice(1), 'format'];
const ALL_FIELDS: ReadonlySet<string> = new Set([...FIELDS, 'name', 'blob']);

/** Larger bodies are no mapping of a place: a key and a path of the provider's own maximum fit several times. */
export const MAX_MAPPING_BYTES = 16 * 1024;

/** Podman takes no larger body (measured), and no empty one. */
export const MAX_BODY_BYTES = 511_999;

/** The exact bytes that Podman hands to the store command. */
export function encodeMapping(mapping: StoredMapping): string {
  const { provider } = mapping;
  if ('blob' in mapping) return JSON.stringify({ provider, blob: mapping.blob });
  if ('name' in mapping) return JSON.stringify({ provider, name: mapping.name });
  const { project, path, key } = mapping;
  return JSON.stringify({ provider, project, path, key });
}

export function isPlaced(mapping: StoredMapping): mapping is Mapping {
  return 'key' in mapping;
}

/** Of whichever kind; undefined for anything else. */
export function decodeStored(text: string): StoredMapping | undefined {
  return decodeMapping(text) ?? decodeOwn(text);
}

/** The format of what is a mapping of a newer PSI; undefined: it is none. */
export function newerMappingFormat(text: string): number | undefined {
  if (text.length > MAX_BODY_BYTES) return undefined;
  const record = recordOf(text);
  return record && isName(record['provider']) ? newerThan(MAPPING_FORMAT, record['format']) : undefined;
}

/** Read as leniently as the Python PSI read its own: other keys beside a blob do not matter, but for a format. */
function decodeOwn(text: string): OwnMapping | undefined {
  if (text.length > MAX_BODY_BYTES) return undefined;
  const record = recordOf(text);
  const provider = record?.['provider'];
  if (record === undefined || !isName(provider) || NOT_IN_OWN.some((field) => field in record)) return undefined;
  const { name, blob } = record;
  if (isName(blob) && name === undefined) return { provider, blob };
  return isName(name) && Object.keys(record).length === 2 ? { provider, name } : undefined;
}

/**
 * Was a text meant as a mapping, though it is none? Sealed as a value it would hand a container the mapping's text, and whoever mistyped it
 * would not hear of it.
 */
export function looksLikeMapping(text: string): boolean {
  const record = recordOf(text);
  if (record === undefined) return /^\s*\{\s*"provider"\s*:/.test(text);
  if (!('provider' in record)) return false;
  if (isName(record['provider']) && typeof record['format'] === 'number') return true;
  return 'project' in record || 'path' in record || Object.keys(record).every((key) => ALL_FIELDS.has(key));
}

/** A mapping read back, or undefined for anything else: other text may be somebody's plaintext secret, so no reason is given. */
export function decodeMapping(text: string): Mapping | undefined {
  if (text.length > MAX_MAPPING_BYTES) return undefined;
  const record = recordOf(text);
  if (record === undefined || Object.keys(record).length !== FIELDS.length) return undefined;
  const { provider, project, path, key } = record;
  if (!isName(provider) || !isName(project) || !isName(key)) return undefined;
  if (typeof path !== 'string' || !path.startsWith('/') || path.includes('\0')) return undefined;
  return { provider, project, path, key };
}

/** One text for each mapping, to look it up by: equal for equal mappings only. */
export function mappingKey(mapping: Mapping): string {
  return encodeMapping(mapping);
}

/** One text for everything that a single listing answers. */
export function placeKey({ provider, project, path }: Pick<Mapping, 'provider' | 'project' | 'path'>): string {
  return JSON.stringify([provider, project, path]);
}

export function sameMapping(a: StoredMapping, b: StoredMapping): boolean {
  return encodeMapping(a) === encodeMapping(b);
}

function recordOf(text: string): Readonly<Record<string, unknown>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return value as Readonly<Record<string, unknown>>;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('\0');
}
