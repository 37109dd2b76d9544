// Durations as people and systemd write them: 90d, 12h, "1h 30min", 250ms; a bare number counts seconds, as the Python PSI had it.

import { Leaf } from './leaf.ts';

const MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

// systemd's spellings too: refresh_interval used to be copied into a timer as it stood. Its months and years are left out: they
// are averages, and `M` beside `m` is a trap.
const UNITS: Readonly<Record<string, number>> = {
  ...MS,
  ...{ msec: MS.ms, sec: MS.s, second: MS.s, seconds: MS.s, min: MS.m, minute: MS.m, minutes: MS.m },
  ...{ hr: MS.h, hour: MS.h, hours: MS.h, day: MS.d, days: MS.d, week: MS.w, weeks: MS.w },
};

const PART = /\s*(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]+)/y;

/** A hundred years: also what the certificate authority takes at most, and far below where milliseconds lose precision. */
const MAX_MS = 100 * 365 * MS.d;

/** Milliseconds, or undefined if it is no duration. */
export function parseDuration(value: unknown): number | undefined {
  const ms = typeof value === 'number' ? value * 1000 : typeof value === 'string' ? parseText(value) : undefined;
  if (ms === undefined || !Number.isFinite(ms) || ms < 0 || ms > MAX_MS) return undefined;
  return Math.round(ms);
}

function parseText(text: string): number | undefined {
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1000;
  let total = 0;
  PART.lastIndex = 0;
  while (PART.lastIndex < text.length) {
    const match = PART.exec(text);
    const unit = match?.[2] ?? '';
    // hasOwn: "5constructor" must not find Object.prototype's.
    if (match === null || !Object.hasOwn(UNITS, unit)) return undefined;
    total += Number(match[1]) * (UNITS[unit] ?? 0);
  }
  return text === '' ? undefined : total;
}

const JSON_SCHEMA = {
  anyOf: [
    { type: 'string', pattern: '^\\s*\\d' },
    { type: 'number', minimum: 0 },
  ],
};

export const duration = new Leaf<number>({
  expected: 'duration such as 90d, 12h or 5s',
  code: 'BAD_DURATION',
  json: JSON_SCHEMA,
  visible: true,
  parse: parseDuration,
});

export const positiveDuration = new Leaf<number>({
  expected: 'duration above zero such as 5s or 1h',
  code: 'BAD_DURATION',
  json: JSON_SCHEMA,
  visible: true,
  parse: (value) => {
    const ms = parseDuration(value);
    return ms === 0 ? undefined : ms;
  },
});

/** Goes to the certificate authority as `90d`, and some of its versions parse nothing but whole minutes, hours or days. */
export const certificateTtl = new Leaf<number>({
  expected: 'duration in whole minutes such as 90d, 24h or 30m',
  code: 'BAD_TTL',
  json: { type: 'string', pattern: '^\\s*\\d' },
  visible: true,
  parse: (value) => {
    const ms = typeof value === 'string' ? parseDuration(value) : undefined;
    return ms === undefined || ms === 0 || ms % MS.m !== 0 ? undefined : ms;
  },
});
