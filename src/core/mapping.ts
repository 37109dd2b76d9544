// A mapping: the coordinates that Podman stores through PSI in place of a value. Its bytes are a public format
// (docs/formats.md): the Python PSI wrote the same, and state it left behind is read as it is.

/** Where one secret lives. `project` is the alias from the config, `path` absolute, `key` the provider's own name. */
export type Mapping = {
  readonly provider: string;
  readonly project: string;
  readonly path: string;
  readonly key: string;
};

const FIELDS = ['provider', 'project', 'path', 'key'] as const;

/** Larger bodies are no mapping: a key and a path of the provider's own maximum fit several times. */
export const MAX_MAPPING_BYTES = 16 * 1024;

/** The exact bytes that Podman hands to the store command. */
export function encodeMapping(mapping: Mapping): string {
  const { provider, project, path, key } = mapping;
  return JSON.stringify({ provider, project, path, key });
}

/** A mapping read back, or undefined for anything else: other text may be somebody's plaintext secret, so no reason is given. */
export function decodeMapping(text: string): Mapping | undefined {
  if (text.length > MAX_MAPPING_BYTES) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const record = value as Readonly<Record<string, unknown>>;
  if (Object.keys(record).length !== FIELDS.length) return undefined;
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

export function sameMapping(a: Mapping, b: Mapping): boolean {
  return FIELDS.every((field) => a[field] === b[field]);
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('\0');
}
