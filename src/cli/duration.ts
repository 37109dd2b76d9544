// A length of time in the largest unit that says something.

export function duration(seconds: number): string {
  const units: readonly (readonly [string, number])[] = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
  ];
  for (const [unit, size] of units) if (seconds >= 2 * size) return `${String(Math.floor(seconds / size))} ${unit}`;
  return `${String(Math.floor(seconds))} s`;
}
