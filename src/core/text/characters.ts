// Characters that systemd takes in no variable.

/** Unicode's own: U+FDD0 and those behind it, and the last two of each plane. */
export function hasNoncharacter(text: string): boolean {
  if (/[\ufdd0-\ufdef]/.test(text)) return true;
  for (const character of text) if (((character.codePointAt(0) ?? 0) & 0xfffe) === 0xfffe) return true;
  return false;
}

/** Those of ASCII without NUL, tab and newline. */
export function hasControl(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  return /[\u0001-\u0008\u000b-\u001f\u007f]/.test(text);
}
