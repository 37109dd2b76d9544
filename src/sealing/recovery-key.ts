// The public half of a recovery key as `age-keygen` prints it: `age1…`, bech32 with a checksum. Held against that where it is written down,
// because a mistyped one would be found out only when somebody needs it. Pure.

const PREFIX = 'age';
const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
/** An X25519 key: 32 bytes in groups of five bits, and six groups of checksum. */
const GROUPS = 52 + 6;
const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

/** As a pattern, for what only looks at the form. */
export const RECOVERY_PATTERN = `^age1[${ALPHABET}]{${String(GROUPS)}}$`;

/** Is it an X25519 recipient of age, every character of it? */
export function isRecoveryKey(text: string): boolean {
  if (!new RegExp(RECOVERY_PATTERN).test(text)) return false;
  const groups = Array.from(text.slice(PREFIX.length + 1), (character) => ALPHABET.indexOf(character));
  const codes = Array.from(PREFIX, (character) => character.charCodeAt(0));
  // Four bits are left over after 32 bytes, and are zero.
  const leftOver = (groups[GROUPS - 7] ?? 0) & 0b1111;
  return leftOver === 0 && checksum([...codes.map((c) => c >> 5), 0, ...codes.map((c) => c & 31), ...groups]) === 1;
}

/** Is it the private half of a key of age, of whatever kind? */
export function isPrivateKey(text: string): boolean {
  return /^\s*AGE-(?:SECRET-KEY|PLUGIN)-/i.test(text);
}

function checksum(groups: readonly number[]): number {
  return groups.reduce((sum, group) => {
    const shifted = ((sum & 0x1ffffff) << 5) ^ group;
    return GENERATORS.reduce((value, generator, bit) => ((sum >> (25 + bit)) & 1 ? value ^ generator : value), shifted);
  }, 1);
}
