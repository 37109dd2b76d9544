// Folders at a provider, as people write them in the config and on a command line: one rule for both. What can mean only one folder is
// taken and spelt in the one way; what could mean another one, or none, is refused together with what was probably meant.

export type Refused = {
  /** Reads after the text: `it holds …`. */
  readonly reason: string;
  /** How it is probably to be spelt. */
  readonly meant: string | undefined;
};

const LONGEST = 1024;
// Control characters and the Unicode line ends: each could end a line of a log or a header.
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/gu;
const PLAIN_PART = /^[A-Za-z0-9_-]+$/;

/** `app`, `//app` and `/app/` are the folder `/app`: no folder has an empty name. */
export function parseFolder(text: string): string | Refused {
  if (text === '') return { reason: 'it is empty', meant: '/' };
  if (text.length > LONGEST) return { reason: `it is longer than ${String(LONGEST)} characters`, meant: undefined };
  const parts = partsOf(text);
  if (text.search(CONTROL) !== -1) return { reason: 'it holds a control character', meant: meantBy(parts) };
  if (parts.some(isDots)) return { reason: 'it holds `.` or `..` as a folder', meant: meantBy(parts) };
  return spelt(parts);
}

/**
 * The first part of a folder's path that Infisical has refused since 2025, without looking whether there is such a folder. Older servers
 * take any name, so what a config says is theirs to answer.
 */
export function foreignPart(folder: string): { readonly part: string; readonly meant: string | undefined } | undefined {
  const parts = partsOf(folder);
  const part = parts.find((one) => !PLAIN_PART.test(one));
  return part === undefined ? undefined : { part, meant: meantBy(parts) };
}

/** May a folder have this name at every server? */
export function isFolderName(name: string): boolean {
  return PLAIN_PART.exec(name)?.[0] === name;
}

function partsOf(text: string): readonly string[] {
  return text.split('/').filter((part) => part !== '');
}

function spelt(parts: readonly string[]): string {
  return `/${parts.join('/')}`;
}

function isDots(part: string): boolean {
  return part === '.' || part === '..';
}

/** Followed as in a file system, without control characters and blanks at the ends; only what every server takes is worth proposing. */
function meantBy(parts: readonly string[]): string | undefined {
  const meant: string[] = [];
  for (const part of parts.map((one) => one.replace(CONTROL, '').trim())) {
    if (part === '..') meant.pop();
    else if (part !== '' && part !== '.') meant.push(part);
  }
  return meant.every((part) => PLAIN_PART.test(part)) ? spelt(meant) : undefined;
}
