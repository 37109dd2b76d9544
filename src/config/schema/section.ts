// A section of the file: a map with required and optional keys, and nothing else (unknown keys are found by inspect.ts).

import * as t from 'io-ts';
import { Leaf } from './leaf.ts';

export function section<R extends t.Props, O extends t.Props>(
  required: R,
  optional: O,
): t.IntersectionC<[t.TypeC<R>, t.PartialC<O>]> {
  const keys = [...Object.keys(required), ...Object.keys(optional)];
  const shown = keys.length > 6 ? `${keys.slice(0, 6).join(', ')}, ...` : keys.join(', ');
  const name = `a map with ${shown}`;
  // The parts carry the name too: where the value is no map, it is they who fail.
  return t.intersection([t.type(required, name), t.partial(optional, name)], name);
}

/** The word that tells one map of a union from the others. */
export function word<const W extends string>(text: W): t.LiteralC<W> {
  return t.literal(text);
}

/** What a codec makes of what is written. */
export type Decoded<C extends t.Mixed> = t.TypeOf<C>;

/**
 * The names of a map. Decoding takes any, because io-ts drops an entry whose name it refuses, and with it every mistake inside;
 * inspect.ts holds the names against `rule`.
 */
export class KeyLeaf extends Leaf<string> {
  readonly rule: Leaf<string>;

  constructor(rule: Leaf<string>) {
    super({ ...rule.spec, parse: (value) => (typeof value === 'string' ? value : undefined) });
    this.rule = rule;
  }
}

export function mapOf<C extends t.Mixed>(rule: Leaf<string>, value: C, what: string): t.RecordC<KeyLeaf, C> {
  return t.record(new KeyLeaf(rule), value, `a map of ${what}`);
}

export function listOf<C extends t.Mixed>(item: C): t.ReadonlyArrayC<C> {
  return t.readonlyArray(item, 'a list');
}
