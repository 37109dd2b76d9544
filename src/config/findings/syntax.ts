// YAML text to a document, or to what is wrong with its syntax. The wording is ours: yaml's messages quote the text around the
// mistake, and that may be a secret.

import { isAlias, LineCounter, parseDocument, visit } from 'yaml';
import type { Document, ErrorCode } from 'yaml';
import type { Place } from './position.ts';

export type SyntaxProblem = { readonly place: Place; readonly got: string };

/** `lines`: from an offset in the text to its line and column, both counted from 1. */
export type Parsed = { readonly lines: LineCounter } & (
  | { readonly ok: true; readonly doc: Document; readonly value: unknown }
  | { readonly ok: false; readonly problems: readonly SyntaxProblem[] }
);

const WORDS: Readonly<Partial<Record<ErrorCode, string>>> = {
  BAD_DQ_ESCAPE: 'an unknown escape in double quotes',
  BAD_INDENT: 'wrong indentation, or an open bracket or quote',
  BAD_SCALAR_START: 'a value that begins with a reserved character (put it in quotes)',
  BLOCK_AS_IMPLICIT_KEY: 'a second `:` on the line, or wrong indentation',
  MISSING_CHAR: 'an open quote or bracket, or a missing character',
  MULTILINE_IMPLICIT_KEY: 'a line without `:` where a key is due, or wrong indentation',
  MULTIPLE_DOCS: 'a second document (`---`)',
  TAB_AS_INDENT: 'a tab as indentation',
  TAG_RESOLVE_FAILED: 'an unknown tag (`!...`)',
  UNEXPECTED_TOKEN: 'something unexpected',
};

export function parseYaml(text: string): Parsed {
  const lines = lineCounterOf(text);
  const bad = (problems: readonly SyntaxProblem[]): Parsed => ({ ok: false, problems, lines });
  let doc: Document;
  try {
    // merge: YAML 1.1 had `<<`, and files of the Python PSI may use it. Duplicates are reported by inspect.ts, with their path.
    // logLevel: warnings are taken from the document instead of being printed by the process.
    doc = parseDocument(text, { merge: true, uniqueKeys: false, prettyErrors: false, logLevel: 'error' });
  } catch {
    return bad([{ place: { start: 0, end: 0 }, got: 'text that is nested too deeply to read' }]);
  }
  const problems: SyntaxProblem[] = [...doc.errors, ...doc.warnings].map(({ code, pos: [start, end] }) => {
    return { place: { start, end }, got: WORDS[code] ?? 'a syntax error' };
  });
  visit(doc, {
    Node: (_, node) => {
      if (!isAlias(node) || node.resolve(doc) !== undefined) return;
      const [start, end] = node.range ?? [0, 0];
      problems.push({
        place: { start, end },
        got: 'an alias (`*name`) of nothing (put text that begins with `*` in quotes)',
      });
    },
  });
  if (problems.length > 0) return bad(problems.filter(isFirstAtItsPlace));
  try {
    // The bound stops a few lines of aliases of aliases from growing to gigabytes.
    return { ok: true, lines, doc, value: doc.toJS({ maxAliasCount: 50 }) };
  } catch {
    return bad([{ place: { start: 0, end: 0 }, got: 'too many aliases' }]);
  }
}

/** Filled from the text: the parser's own leaves out the end of a line that holds a lone `%`. */
function lineCounterOf(text: string): LineCounter {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1);
  return lines;
}

/** One mistake often breaks two rules of YAML at the same character. */
function isFirstAtItsPlace(problem: SyntaxProblem, index: number, all: readonly SyntaxProblem[]): boolean {
  return all.findIndex(({ place }) => place.start === problem.place.start) === index;
}
