// The one kind of leaf in the schema: an io-ts type that knows how to name what it expects, which hint belongs to its refusal,
// whether its value may be shown to people, and its JSON Schema.

import * as t from 'io-ts';
import type { IssueCode } from '../findings/hints.ts';

export type JsonSchema = { readonly [key: string]: unknown };

export type LeafSpec<A> = {
  /** Reads after "expected": `duration such as 90d or 12h`. */
  readonly expected: string;
  readonly code: IssueCode;
  readonly json: JsonSchema;
  /** Words to choose from; the refusal then suggests the nearest. */
  readonly choices?: readonly string[];
  /** How a text that was refused is probably to be spelt; the refusal then asks for it. */
  readonly meant?: (text: string) => string | undefined;
  /** May the value stand in an error or an excerpt? Default no, so that a new field cannot leak by being forgotten. */
  readonly visible?: boolean;
  /** Undefined refuses. A LeafRefusal does too, with a hint of its own. */
  readonly parse: (value: unknown) => A | LeafRefusal | undefined;
};

export class LeafRefusal {
  readonly code: IssueCode;

  constructor(code: IssueCode) {
    this.code = code;
  }
}

export class Leaf<A> extends t.Type<A, unknown> {
  readonly spec: LeafSpec<A>;

  constructor(spec: LeafSpec<A>) {
    super(
      spec.expected,
      (value): value is A => accepts(spec.parse(value)),
      (value, context) => {
        const parsed = spec.parse(value);
        if (parsed === undefined) return t.failure(value, context, spec.code);
        if (parsed instanceof LeafRefusal) return t.failure(value, context, parsed.code);
        return t.success(parsed);
      },
      (value) => value,
    );
    this.spec = spec;
  }
}

function accepts(parsed: unknown): boolean {
  return parsed !== undefined && !(parsed instanceof LeafRefusal);
}

/** One of a few words. */
export function choice<const W extends string>(words: readonly W[], visible = true): Leaf<W> {
  const last = words.at(-1) ?? '';
  const expected = words.length > 1 ? `${words.slice(0, -1).join(', ')} or ${last}` : last;
  return new Leaf<W>({
    expected,
    code: 'NOT_A_CHOICE',
    json: { enum: words },
    choices: words,
    visible,
    parse: (value) => words.find((word) => word === value),
  });
}

// Line ends, other control characters, and the Unicode line ends: each could end a line of a unit file, a header or a log.
// eslint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** One line of text without control characters, not empty. */
export function isLine(value: unknown, max = 4096): value is string {
  return typeof value === 'string' && value !== '' && value.length <= max && !CONTROL.test(value);
}
