// Characters that a terminal obeys or does not show, written out: control characters, the marks that turn the direction of text or
// isolate it, what has no width, line and paragraph separators, halves of surrogate pairs. Names, values and words of others hold them
// by accident or to deceive; who reads has to see that they are there.

const UNSEEN = '\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}';
const EACH = new RegExp(`[${UNSEEN}]`, 'gu');
const RUNS = new RegExp(`[${UNSEEN}]+`, 'gu');
/** A text of JSON holds line ends only where it is laid out: those of its strings are escaped already. */
const EACH_IN_JSON = new RegExp(`(?!\\n)[${UNSEEN}]`, 'gu');

/** Most texts, told at a fraction of what the sets of Unicode cost. */
const ALL_SEEN = /^[\n\x20-\x7e]*$/;

/** On one line, and all of it to be seen: `\u202e`, `\n`. */
export function visible(text: string): string {
  return text.replace(EACH, (character) => SHORT[character] ?? escaped(character));
}

/** The same with a blank for each run of them, where the text is to be read and not to be found again. */
export function blanked(text: string): string {
  return text.replace(RUNS, ' ');
}

/** JSON means the same with these characters escaped, and whoever looks at it sees them. */
export function visibleJson(json: string): string {
  return ALL_SEEN.test(json) ? json : json.replace(EACH_IN_JSON, escaped);
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** By UTF-16 unit, as JSON and JavaScript write it. */
function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');
}
