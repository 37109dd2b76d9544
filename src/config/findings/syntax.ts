// YAML text to a document, or to what is wrong with its syntax. The wording is ours: yaml's messages quote the text around the
// mistake, and that may be a secret.

import { isAlias, isCollection, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import type { Alias, Document, ErrorCode, Node } from 'yaml';
import type { Follow } from './finding.ts';
import type { Place } from './position.ts';

/** `hint`: where that of a mistake in the syntax would mislead. */
export type SyntaxProblem = { readonly place: Place; readonly got: string; readonly hint?: string };

/** `lines`: from an offset in the text to its line and column, both counted from 1. */
export type Parsed = { readonly lines: LineCounter } & (
  | { readonly ok: true; readonly doc: Document; readonly follow: Follow; readonly value: unknown }
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
  const aliases = new Aliases();
  aliases.measure(doc.contents);
  problems.push(...aliases.problems);
  if (problems.length > 0) return bad(problems.filter(isFirstAtItsPlace));
  try {
    return { ok: true, lines, doc, follow: aliases.follow, value: doc.toJS({ maxAliasCount: -1 }) };
  } catch {
    return bad([{ place: { start: 0, end: 0 }, got: 'aliases (`*name`) that cannot be followed' }]);
  }
}

/** Of values, with all that aliases stand for: a few lines of aliases of aliases would grow to gigabytes. */
const MOST_VALUES = 200_000;

/** How much a document is once its aliases are followed, and which of them stand for nothing. One walk, in the order of the text. */
class Aliases {
  readonly problems: SyntaxProblem[] = [];
  readonly #anchors = new Map<string, { readonly node: Node; size: number }>();
  readonly #targets = new Map<Alias, Node>();
  /** What aliases stand for, up to here. */
  #used = 0;
  #tooMany = false;

  readonly follow: Follow = (alias) => this.#targets.get(alias);

  measure(node: unknown): number {
    if (isPair(node)) return this.measure(node.key) + this.measure(node.value);
    if (isAlias(node)) return this.#alias(node);
    // Within itself it would have no end.
    const anchored = isScalar(node) || isCollection(node) ? { node, size: Infinity } : undefined;
    if (anchored?.node.anchor !== undefined) this.#anchors.set(anchored.node.anchor, anchored);
    const items: readonly unknown[] = isCollection(node) ? node.items : [];
    const size = items.reduce<number>((sum, item) => sum + this.measure(item), 1);
    if (anchored) anchored.size = size;
    return size;
  }

  #alias(node: Alias): number {
    const [start, end] = node.range ?? [0, 0];
    const target = this.#anchors.get(node.source);
    if (target) this.#targets.set(node, target.node);
    else {
      const got = 'an alias (`*name`) of nothing (put text that begins with `*` in quotes)';
      this.problems.push({ place: { start, end }, got });
    }
    this.#used += target?.size ?? 0;
    if (this.#used > MOST_VALUES && !this.#tooMany) {
      this.#tooMany = true;
      this.problems.push({ place: { start, end }, got: 'too many aliases', hint: FEWER_ALIASES });
    }
    return target?.size ?? 1;
  }
}

const FEWER_ALIASES = `what the aliases (\`*name\`) stand for is more than ${String(MOST_VALUES)} values up to here: write an alias of aliases out, or leave it away`;

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
