// Regular expressions in time that grows with the text alone. V8's own engine tries one way after the other: a pattern with four stars and a
// key of 500 underscores kept it busy for 22 s. Here all ways are followed at once, from the end of the text to its beginning, so the order of
// quantifiers (greedy, lazy) has no meaning: only whether there is a match is told.

/** What the expression demands at one moment; the numbers are indices of states. */
type State =
  | { readonly kind: 'end' }
  | { readonly kind: 'char'; readonly takes: (char: string) => boolean; readonly next: number }
  | { readonly kind: 'edge'; readonly edge: '^' | '$'; readonly next: number }
  | { readonly kind: 'look'; readonly look: Look; readonly next: number }
  | { readonly kind: 'ways'; readonly to: readonly number[] };

type Program = { readonly states: readonly State[]; readonly start: number };
type Look = { readonly inner: Node; readonly program: Program; readonly behind: boolean; readonly found: boolean };

type Node =
  | { readonly kind: 'char'; readonly takes: (char: string) => boolean }
  | { readonly kind: 'edge'; readonly edge: '^' | '$' }
  | { readonly kind: 'look'; readonly look: Look }
  | { readonly kind: 'sequence'; readonly parts: readonly Node[] }
  | { readonly kind: 'choice'; readonly parts: readonly Node[] }
  | { readonly kind: 'repeat'; readonly part: Node; readonly min: number; readonly max: number };

/** What a loop counts as: no pattern is held against a longer text (selection.ts). */
const LOOP = 1024;
const FEW = 64;

/**
 * Does the expression match from the beginning of a text? Takes all of JavaScript's syntax without flags, but for references to groups, of
 * which it has no notion. One that begins with `^` and has few ways, as most have, is left to V8, which is a hundred times faster then.
 */
export function linearMatcher(regexp: RegExp): (text: string) => boolean {
  const node = new Reader(regexp.source).choice();
  if (regexp.source.startsWith('^') && waysOf(node) <= FEW * LOOP) return (text) => regexp.test(text);
  const program = compile(node);
  return (text) => matchesFrom(program, text, new Map())[0] === 1;
}

/** How many ways V8 may try at most: it tries none twice in what is looked for ahead or behind. */
function waysOf(node: Node): number {
  switch (node.kind) {
    case 'char':
    case 'edge':
      return 1;
    case 'look':
      return waysOf(node.look.inner) <= FEW ? 1 : Infinity;
    case 'sequence':
      return node.parts.map(waysOf).reduce((product, ways) => product * ways, 1);
    case 'choice':
      return node.parts.map(waysOf).reduce((sum, ways) => sum + ways, 0);
    case 'repeat': {
      const ways = waysOf(node.part);
      if (node.max === Infinity) return ways === 1 ? LOOP : Infinity;
      return (node.max - node.min + 1) * ways ** node.max;
    }
  }
}

const CHAR_OR_ESCAPE = /\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|[^])|\[(?:\\[^]|[^\]\\])*\]|[^]/iy;
const QUANTIFIER = /(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/y;
const GROUP = /\((?:\?(?:(:)|(<?[=!])|<[^>]*>))?/y;

/** Reads the source of an expression that JavaScript has accepted, so nothing is left open in it. */
class Reader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  choice(): Node {
    const parts = [this.#sequence()];
    while (this.#source[this.#at] === '|') {
      this.#at += 1;
      parts.push(this.#sequence());
    }
    return { kind: 'choice', parts };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    while (this.#at < this.#source.length && !'|)'.includes(this.#source.charAt(this.#at))) {
      parts.push(this.#quantified(this.#atom()));
    }
    return { kind: 'sequence', parts };
  }

  #atom(): Node {
    const group = this.#take(GROUP);
    if (group) {
      const inner = this.choice();
      this.#at += 1;
      return group[2] === undefined ? inner : { kind: 'look', look: lookOf(inner, group[2]) };
    }
    const atom = this.#take(CHAR_OR_ESCAPE)?.[0] ?? '';
    if (atom === '^' || atom === '$') return { kind: 'edge', edge: atom };
    if (atom.length === 1 && atom !== '.') return { kind: 'char', takes: (char) => char === atom };
    // What one character a class or an escape takes, JavaScript itself says.
    const one = new RegExp(`^${atom}$`);
    return { kind: 'char', takes: (char) => one.test(char) };
  }

  #quantified(part: Node): Node {
    const found = this.#take(QUANTIFIER);
    if (!found) return part;
    const [, sign, least, comma, most] = found;
    if (sign !== undefined)
      return { kind: 'repeat', part, min: sign === '+' ? 1 : 0, max: sign === '?' ? 1 : Infinity };
    const min = Number(least);
    if (comma === undefined) return { kind: 'repeat', part, min, max: min };
    return { kind: 'repeat', part, min, max: most === '' ? Infinity : Number(most) };
  }

  #take(sticky: RegExp): RegExpExecArray | undefined {
    sticky.lastIndex = this.#at;
    const found = sticky.exec(this.#source) ?? undefined;
    if (found) this.#at = sticky.lastIndex;
    return found;
  }
}

function lookOf(inner: Node, sign: string): Look {
  return { inner, program: compile(inner), behind: sign.startsWith('<'), found: sign.endsWith('=') };
}

/** From the last state to the first: what a state leads to is there before it, but for the way back of a loop. */
function compile(node: Node): Program {
  const states: State[] = [{ kind: 'end' }];
  const add = (state: State): number => states.push(state) - 1;
  const build = (part: Node, next: number): number => {
    switch (part.kind) {
      case 'char':
      case 'edge':
      case 'look':
        return add({ ...part, next });
      case 'sequence':
        return part.parts.reduceRight((after, each) => build(each, after), next);
      case 'choice':
        return part.parts.length === 1 && part.parts[0]
          ? build(part.parts[0], next)
          : add({ kind: 'ways', to: part.parts.map((each) => build(each, next)) });
      case 'repeat':
        return repeat(part.part, part.min, part.max, next);
    }
  };
  const repeat = (part: Node, min: number, max: number, next: number): number => {
    let start = next;
    if (max === Infinity) {
      const to = [next];
      start = add({ kind: 'ways', to });
      to.push(build(part, start));
    } else
      for (let left = max - min; left > 0; left -= 1) start = add({ kind: 'ways', to: [next, build(part, start)] });
    for (let left = min; left > 0; left -= 1) start = build(part, start);
    return start;
  };
  const start = build(node, 0);
  return { states, start };
}

/** For each place in the text: 1 where a match begins. With `end`, only what ends there is one. */
function matchesFrom(program: Program, text: string, known: Map<Look, Uint8Array>, end?: number): Uint8Array {
  const { states, start } = program;
  const begins = new Uint8Array(text.length + 1);
  const looks = states.map((state) => (state.kind === 'look' ? looksFrom(state.look, text, known) : undefined));
  let now = new Uint8Array(states.length);
  let after = new Uint8Array(states.length);
  for (let at = end ?? text.length; at >= 0; at -= 1) {
    [now, after] = [after.fill(0), now];
    const place = { now, after, at, last: text.length, end, char: at < (end ?? text.length) ? text.charAt(at) : '' };
    // A loop leads back to a state before it: once more, until nothing is added.
    while (addTo(place, states, looks));
    begins[at] = now[start] ?? 0;
  }
  return begins;
}

/** One place in the text: the states from which a match goes on here, and at the next place. */
type Place = {
  readonly now: Uint8Array;
  readonly after: Uint8Array;
  readonly at: number;
  /** Where the text ends. */
  readonly last: number;
  /** Where a match has to end; undefined: anywhere. */
  readonly end: number | undefined;
  /** Empty where there is no further one. */
  readonly char: string;
};

/** Was a state added of which a state before it may make use? */
function addTo(place: Place, states: readonly State[], looks: readonly (Uint8Array | undefined)[]): boolean {
  const { now } = place;
  let again = false;
  for (let index = 0; index < states.length; index += 1) {
    const state = states[index];
    if (now[index] === 1 || !state || !holds(place, state, looks[index])) continue;
    now[index] = 1;
    again ||= state.kind !== 'end';
  }
  return again;
}

function holds({ now, after, at, last, end, char }: Place, state: State, look: Uint8Array | undefined): boolean {
  switch (state.kind) {
    case 'end':
      return end === undefined || at === end;
    case 'char':
      return after[state.next] === 1 && char !== '' && state.takes(char);
    case 'edge':
      return now[state.next] === 1 && at === (state.edge === '^' ? 0 : last);
    case 'look':
      return now[state.next] === 1 && look?.[at] === 1;
    case 'ways':
      return state.to.some((to) => now[to] === 1);
  }
}

/** For each place in the text: 1 where the look round is as wanted. */
function looksFrom(look: Look, text: string, known: Map<Look, Uint8Array>): Uint8Array {
  const before = known.get(look);
  if (before) return before;
  const { program, behind, found } = look;
  const seen = behind
    ? Uint8Array.from({ length: text.length + 1 }, (_, at) => Math.max(...matchesFrom(program, text, known, at)))
    : matchesFrom(program, text, known);
  const holds = seen.map((one) => ((one === 1) === found ? 1 : 0));
  known.set(look, holds);
  return holds;
}
