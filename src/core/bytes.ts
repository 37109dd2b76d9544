// Bytes beside bytes. Pure.

/** Looks at every byte, whether an earlier one differs or not: how long it takes says nothing about where two secrets part. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (const [index, byte] of a.entries()) difference |= byte ^ (b[index] ?? 0);
  return difference === 0;
}
