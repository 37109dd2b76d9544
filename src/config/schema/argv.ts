// A command as a list, or as one line split at blanks with quotes, as the Python PSI took hooks. Nothing is expanded: no shell runs it.

import { isLine } from './leaf.ts';

/** Program and arguments, or undefined. A word that only a shell would understand is refused: it would be passed on as an argument. */
export function parseArgv(value: unknown): readonly string[] | undefined {
  const words = typeof value === 'string' ? splitLine(value) : value;
  if (!Array.isArray(words) || words.length === 0) return undefined;
  const argv: string[] = [];
  for (const word of words as readonly unknown[]) {
    if (typeof word !== 'string' || word.includes('\0')) return undefined;
    argv.push(word);
  }
  return argv[0] === '' ? undefined : argv;
}

const SHELL_WORD = /^(?:&&?|\|\|?|;|[0-9]*[<>].*)$/;
const TOKEN = /\s*((?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+)/y;

function splitLine(text: string): readonly string[] | undefined {
  if (!isLine(text)) return undefined;
  const rest = text.trimEnd();
  const words: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < rest.length) {
    const token = TOKEN.exec(rest)?.[1];
    if (token === undefined || SHELL_WORD.test(token)) return undefined;
    words.push(unquote(token));
  }
  return words;
}

function unquote(token: string): string {
  return token.replace(
    /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g,
    (_, double?: string, single?: string, escaped?: string) => {
      return double?.replace(/\\(["\\$`])/g, '$1') ?? single ?? escaped ?? '';
    },
  );
}
