// Spans of time: those of the Python PSI's certificates, and those that it handed on to a timer of systemd.

const MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, y: 365 * 86_400_000 } as const;

/** `NUMBER` and one of s m h d y. */
export function certificateSpan(text: string): number | undefined {
  const [, count = '', unit = ''] = /^(\d{1,9})([smhdy])$/.exec(text.trim()) ?? [];
  return count === '' ? undefined : Number(count) * MS[unit as keyof typeof MS];
}

/** systemd.time(7): a month is 30.44 days there, and a year 365.25. */
const SYSTEMD: readonly (readonly [RegExp, number])[] = [
  [/^(?:us|usec|µs)$/, 0.001],
  [/^(?:ms|msec)$/, 1],
  [/^(?:|s|sec|second|seconds)$/, MS.s],
  [/^(?:m|min|minute|minutes)$/, MS.m],
  [/^(?:h|hr|hour|hours)$/, MS.h],
  [/^(?:d|day|days)$/, MS.d],
  [/^(?:w|week|weeks)$/, 7 * MS.d],
  [/^(?:M|month|months)$/, 30.44 * MS.d],
  [/^(?:y|year|years)$/, 365.25 * MS.d],
];

export function timerSpan(text: string): number | undefined {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*([A-Za-zµ]*)/g)];
  if (parts.length === 0 || text.replaceAll(/(\d+(?:\.\d+)?)\s*([A-Za-zµ]*)/g, '').trim() !== '') return undefined;
  let total = 0;
  for (const [, count = '', unit = ''] of parts) {
    const ms = SYSTEMD.find(([word]) => word.test(unit))?.[1];
    if (ms === undefined) return undefined;
    total += Number(count) * ms;
  }
  return Math.round(total);
}

/** In the largest unit that has it whole. */
export function spanWord(ms: number): string {
  const unit = (['d', 'h', 'm', 's'] as const).find((one) => ms > 0 && ms % MS[one] === 0);
  return unit === undefined ? `${String(ms)}ms` : `${String(ms / MS[unit])}${unit}`;
}
