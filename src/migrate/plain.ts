// Values of a config as YAML gives them.

export type Plain = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Anything else is an empty map. */
export function mapOf(value: unknown): Plain {
  return isRecord(value) ? value : {};
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

/** Without the keys that have no value. */
export function given(entries: Readonly<Record<string, unknown>>): Plain {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}

const TRUE: readonly unknown[] = [true, 1, '1', 'true', 't', 'yes', 'y', 'on'];
const FALSE: readonly unknown[] = [false, 0, '0', 'false', 'f', 'no', 'n', 'off'];

/** As pydantic takes booleans; undefined: as no boolean. */
export function leniently(value: unknown): boolean | undefined {
  const word = typeof value === 'string' ? value.toLowerCase() : value;
  if (TRUE.includes(word)) return true;
  return FALSE.includes(word) ? false : undefined;
}
