// How often somebody has to look which certificates are due, so that none ends between two looks. Decisions only.

export type Looks = {
  /** What systemd's timers take in OnCalendar=, and how systemd gives it back. */
  readonly calendar: string;
  readonly normalized: string;
  /** RandomizedDelaySec= */
  readonly spread: string;
  readonly everyMs: number;
  readonly words: string;
  /** A certificate that is due so long before its end has three looks, and the time that they take. */
  readonly needsMs: number;
};

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const DAILY: Looks = {
  ...{ calendar: 'daily', normalized: '*-*-* 00:00:00', spread: '2h', words: 'a day' },
  ...{ everyMs: DAY_MS, needsMs: 3 * DAY_MS },
};
const OFTENEST: Looks = {
  ...{ calendar: '*:0/2', normalized: '*-*-* *:00/2:00', spread: '15s', words: 'in two minutes' },
  ...{ everyMs: 2 * MINUTE_MS, needsMs: 8 * MINUTE_MS },
};

const LOOKS: readonly Looks[] = [
  DAILY,
  {
    ...{ calendar: 'hourly', normalized: '*-*-* *:00:00', spread: '10min', words: 'an hour' },
    ...{ everyMs: HOUR_MS, needsMs: 4 * HOUR_MS },
  },
  {
    ...{ calendar: '*:0/15', normalized: '*-*-* *:00/15:00', spread: '2min', words: 'in 15 minutes' },
    ...{ everyMs: 15 * MINUTE_MS, needsMs: HOUR_MS },
  },
  {
    ...{ calendar: '*:0/5', normalized: '*-*-* *:00/5:00', spread: '1min', words: 'in five minutes' },
    ...{ everyMs: 5 * MINUTE_MS, needsMs: 20 * MINUTE_MS },
  },
  OFTENEST,
];

/** A shorter time between due and end is held by no timer that PSI writes. */
export const LEAST_WINDOW_MS = OFTENEST.needsMs;

/** The fewest that are enough, where the shortest time between due and end is this one. */
export function looksFor(windowMs: number): Looks {
  return LOOKS.find(({ needsMs }) => needsMs <= windowMs) ?? OFTENEST;
}

/** What a timer holds, by what systemd says of it. Undefined: a schedule that PSI does not write; whoever made it knows why. */
export function looksOf(calendars: readonly string[]): Looks | undefined {
  if (!calendars.every((calendar) => LOOKS.some(({ normalized }) => normalized === calendar))) return undefined;
  return LOOKS.findLast(({ normalized }) => calendars.includes(normalized));
}
