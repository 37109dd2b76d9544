// Sizes as people write them: 64MB, 1 GB, 512KB; a bare number counts bytes. In steps of 1024, as systemd's `MemoryMax=` has them.

import { Leaf } from './leaf.ts';

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** Bytes, or undefined if it is no size. */
export function parseSize(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  const [, count, unit = ''] = (typeof value === 'string' && /^\s*(\d{1,9})\s*([KMG]?)(?:i?B)?\s*$/.exec(value)) || [];
  return count === undefined ? undefined : Number(count) * (UNITS[unit] ?? 1);
}

/** From `least` on, both in bytes. */
export function size(least: number, most: number, expected: string): Leaf<number> {
  return new Leaf<number>({
    expected,
    code: 'BAD_SIZE',
    json: {
      anyOf: [
        { type: 'string', pattern: '^\\s*\\d' },
        { type: 'integer', minimum: least },
      ],
    },
    visible: true,
    parse: (value) => {
      const bytes = parseSize(value);
      return bytes !== undefined && bytes >= least && bytes <= most ? bytes : undefined;
    },
  });
}
