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
