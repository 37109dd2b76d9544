// Bytes beside bytes. Pure.

/** Looks at every byte, whether an earlier one differs or not: how long it takes says nothing about where two secrets part. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (const [index, byte] of a.entries()) difference |= byte ^ (b[index] ?? 0);
  return difference === 0;
}

/** Orders texts by the bytes of their UTF-8, which no locale and no runtime changes. */
export function inByteOrder(a: string, b: string): number {
  const [left, right] = [utf8.encode(a), utf8.encode(b)];
  const at = left.findIndex((byte, index) => byte !== right[index]);
  return at === -1 ? left.length - right.length : (left[at] ?? 0) - (right[at] ?? -1);
}

const utf8 = new TextEncoder();
