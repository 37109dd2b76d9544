// An env file as statements with their lines. Without a reader that somebody named, only what podman, systemd and dotenv read alike is taken
// (and a shell and compose, as far as `$` and backslashes go): anything else is refused with its line. Podman keeps the quotes that stand
// around a whole value; those are what most people write, and are taken off.

import { doubtOf, holdsAssignment, othersDiffer, type Assignment } from './doubt.ts';
import { ENV_FILE_READERS, type EnvFileReader, type Reading, type Span, type Variable } from './reading.ts';

export type Taken = Variable & { readonly kind: 'taken' };

export type Refused = Span & {
  readonly kind: 'refused';
  /** Only where it is certainly a name: what is not read may be a part of a value. */
  readonly name: string | undefined;
  readonly reason: string;
  readonly hint: string;
};

export type Statement = Taken | Refused;

const HEAD = /^\s*(?:export\s+)?([\w.-]+)\s*=/;
const SAY_WHO = 'say who reads the file: `--reader podman`, `systemd` or `dotenv`';
const IN_QUOTES = 'put a value of several lines between quotes';

/** What all readers take. */
export function agreed(text: string, readingOf: (reader: EnvFileReader) => Reading): readonly Statement[] {
  const lines = text.split('\n');
  const readings = ENV_FILE_READERS.map(readingOf);
  const blocks = merged([...readings.flatMap(spansOf), ...certificates(lines)]);
  const parts = readings.map((reading) => partsOf(reading, blocks));
  const found: Statement[] = [];
  for (const [index, span] of blocks.entries()) {
    const assignment = assignmentAt(lines, span);
    const here = parts.map((part) => part[index] ?? NOTHING);
    if (assignment === undefined || looksContinued(found.at(-1), span, assignment)) stray(found, lines, span, here);
    else if (opensCertificate(assignment.rest)) found.push(certificateWithoutQuotes(span, assignment.name));
    else found.push(judged(span, assignment, here));
  }
  return found;
}

/** What this one reader takes. */
export function takenBy(text: string, reading: Reading): readonly Statement[] {
  const lines = text.split('\n');
  const pem = certificates(lines);
  const outside = (span: Span): boolean => !pem.some((other) => overlap(span, other));
  const passedOver = reading.passedOver.filter(outside);
  const strays = new Set(passedOver.filter((span) => !assignmentAt(lines, span)).map(({ last }) => last));
  const found: readonly Statement[] = [
    ...pem.map((span) => certificateWithoutQuotes(span, assignmentAt(lines, span)?.name)),
    ...passedOver.map((line) => refused(line, assignmentAt(lines, line)?.name, line.reason, NO_ASSIGNMENT)),
    ...reading.variables.filter(outside).map((variable) => takenOrRefused(variable, strays)),
  ];
  return found.toSorted((a, b) => a.first - b.first);
}

/** `strays`: lines that are no assignments; what is directly behind one may be the rest of wrapped base64. */
function takenOrRefused(variable: Variable, strays: ReadonlySet<number>): Statement {
  const { first, name, value } = variable;
  if (!/^[\w.-]+$/.test(name) || (/^=?$/.test(value) && strays.has(first - 1))) {
    return refused(variable, undefined, 'what stands before the equal sign is no name of a variable', NO_ASSIGNMENT);
  }
  if (value.includes('\0')) {
    return refused(variable, name, 'no variable can hold a NUL byte', 'set it by hand, as base64');
  }
  return { ...variable, kind: 'taken' };
}

function refused({ first, last }: Span, name: string | undefined, reason: string, hint: string): Refused {
  return { first, last, kind: 'refused', name, reason: `${reason}${upTo({ first, last })}`, hint };
}

const NO_ASSIGNMENT = 'names are letters, digits, `_`, `.` and `-`; comments start with `#`';

/** What one reader makes of one block of lines. */
type Part = {
  readonly variables: readonly Variable[];
  /** It passes over something, or gives up. */ readonly more: boolean;
};

const NOTHING: Part = { variables: [], more: false };

/** For each of the blocks, in which all that the reader found lies. */
function partsOf({ variables, passedOver, broken }: Reading, blocks: readonly Span[]): readonly Part[] {
  const blockOf = new Map(blocks.flatMap((span, index) => linesIn(span).map((line) => [line, index])));
  const inBlocks = Map.groupBy(variables, ({ first }) => blockOf.get(first));
  const more = new Set(
    [...passedOver.map(({ first }) => first), ...broken.map(({ line }) => line)].map((line) => blockOf.get(line)),
  );
  return blocks.map((_, index) => ({ variables: inBlocks.get(index) ?? [], more: more.has(index) }));
}

/** `parts`: of podman, systemd and dotenv. */
function judged(span: Span, assignment: Assignment, parts: readonly Part[]): Statement {
  const [podman, systemd, dotenv] = parts.map((part) => only(part, span));
  const same = systemd && dotenv && systemd.name === dotenv.name && systemd.value === dotenv.value;
  const plain = podman?.name === systemd?.name && podman?.value === systemd?.value;
  if (same && (plain || isQuotedWhole(assignment, systemd)) && !othersDiffer(assignment)) {
    return { ...systemd, kind: 'taken' };
  }
  const { reason, how } = doubtOf(assignment);
  return refused(span, assignment.name, reason, `${how}, or ${SAY_WHO}`);
}

/** The one variable that a reader takes from all these lines, if that is all it makes of them. */
function only({ variables, more }: Part, { first, last }: Span): Variable | undefined {
  const [variable] = variables;
  return variables.length === 1 && !more && variable?.first === first && variable.last === last ? variable : undefined;
}

/** `NAME="…"` and nothing else: without its quotes the value is what the others read. */
function isQuotedWhole(assignment: Assignment, { value }: Variable): boolean {
  const { head, name, rest } = assignment;
  const text = rest.replace(/\r$/, '');
  if (holdsAssignment(assignment)) return false;
  return head.trimStart() === `${name}=` && (text === `"${value}"` || text === `'${value}'`);
}

/** What is no assignment may belong to the value on the line before, and then that value is only a part. */
function stray(found: Statement[], lines: readonly string[], span: Span, parts: readonly Part[]): void {
  const before = found.at(-1);
  if (before?.kind === 'taken' && before.last === span.first - 1 && isBare(assignmentAt(lines, before))) {
    found.pop();
    const reason = 'the line behind it is not KEY=VALUE: this may be only a part of the value';
    found.push(refused(before, before.name, reason, IN_QUOTES));
  }
  const taken = parts.some(({ variables }) => variables.length > 0);
  const hint = taken ? `${NO_ASSIGNMENT}; or ${SAY_WHO}` : NO_ASSIGNMENT;
  found.push(refused(span, undefined, 'it is not KEY=VALUE', hint));
}

/** The last line of wrapped base64 looks like `name=`: directly behind a line that is no assignment it is none either. */
function looksContinued(before: Statement | undefined, { first }: Span, { rest }: Assignment): boolean {
  return /^=?\r?$/.test(rest) && before?.kind === 'refused' && before.name === undefined && before.last === first - 1;
}

function isBare(assignment: Assignment | undefined): boolean {
  return assignment !== undefined && !/^\s*['"]/.test(assignment.rest);
}

function assignmentAt(lines: readonly string[], { first, last }: Span): Assignment | undefined {
  const text = lines.slice(first - 1, last).join('\n');
  const [head, name] = HEAD.exec(text) ?? [];
  if (head === undefined || name === undefined || head.includes('\n')) return undefined;
  return { head, name, rest: text.slice(head.length) };
}

function opensCertificate(rest: string): boolean {
  return rest.startsWith('-----BEGIN ');
}

/** Certificates and keys without quotes: their lines look like names and values. */
function certificates(lines: readonly string[]): readonly Span[] {
  const spans: Span[] = [];
  for (let first = 1; first <= lines.length; first += 1) {
    if (!opensCertificate(assignmentAt(lines, at(first))?.rest ?? '')) continue;
    let last = first;
    while (last < lines.length && !(lines[last - 1] ?? '').includes('-----END ')) last += 1;
    spans.push({ first, last });
    first = last;
  }
  return spans;
}

function certificateWithoutQuotes(span: Span, name: string | undefined): Refused {
  return refused(span, name, 'a value of several lines has no quotes', IN_QUOTES);
}

function spansOf({ variables, passedOver, broken }: Reading): readonly Span[] {
  return [...variables, ...passedOver, ...broken.map(({ line }) => at(line))];
}

/** Lines that some reader takes together belong together. */
function merged(spans: readonly Span[]): readonly Span[] {
  const found: Span[] = [];
  for (const { first, last } of spans.toSorted((a, b) => a.first - b.first || a.last - b.last)) {
    const before = found.at(-1);
    if (before && first <= before.last) found.splice(-1, 1, { first: before.first, last: Math.max(before.last, last) });
    else found.push({ first, last });
  }
  return found;
}

function linesIn({ first, last }: Span): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function at(line: number): Span {
  return { first: line, last: line };
}

function overlap(a: Span, b: Span): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/** How much is not read where that is more than the line itself. */
function upTo({ first, last }: Span): string {
  return last > first ? `; nothing up to line ${String(last)} is read` : '';
}
