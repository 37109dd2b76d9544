// Times as text for people and programs: ISO 8601, always in UTC. Pure.

/** `ms`: wall clock, since 1970. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** For a place in a report that may have no time. */
export function isoTimeOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : isoTime(ms);
}

/** Where a part of a second would only be noise. */
export function isoSeconds(ms: number): string {
  return isoTime(ms).replace(/\.\d+Z$/, 'Z');
}

/** A length of time in its two largest units, such as `6d 16h`. */
export function spanText(ms: number): string {
  const units: readonly (readonly [string, number])[] = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ];
  let rest = Math.max(0, Math.round(ms / 1000));
  const parts = units.map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return { count, text: `${String(count)}${unit}` };
  });
  const first = parts.findIndex(({ count }) => count > 0);
  const shown = first < 0 ? parts.slice(-1) : parts.slice(first, first + 2).filter(({ count }) => count > 0);
  return shown.map(({ text }) => text).join(' ');
}
