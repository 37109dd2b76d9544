// Walks the file's own tree beside the schema, for what a decoder of plain values cannot see: unknown keys, duplicate keys, names
// that are keys, and which stretches of the text are public. Whatever the schema does not call public stays hidden.

import * as t from 'io-ts';
import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Document, Pair, YAMLMap } from 'yaml';
import { listOr } from './check-parts.ts';
import { suggest } from './hints.ts';
import type { Finding, Follow, Path } from './finding.ts';
import { meantArm, shapeOf } from '../schema/shape.ts';
import type { Shape } from '../schema/shape.ts';

export type Inspection = {
  readonly findings: readonly Finding[];
  /** Start offset → end offset of keys and values that may be shown. */
  readonly visible: ReadonlyMap<number, number>;
};

export function inspect(doc: Document, follow: Follow, codec: t.Mixed): Inspection {
  const walk = new Walk(doc, follow);
  walk.enter(doc.contents, codec, [], false);
  for (const start of walk.hidden) walk.visible.delete(start);
  return walk;
}

class Walk implements Inspection {
  readonly findings: Finding[] = [];
  readonly visible = new Map<number, number>();
  readonly hidden = new Set<number>();
  readonly #doc: Document;
  readonly #follow: Follow;

  constructor(doc: Document, follow: Follow) {
    this.#doc = doc;
    this.#follow = follow;
  }

  enter(given: unknown, codec: t.Mixed, path: Path, aliased: boolean): void {
    const node = isAlias(given) ? this.#follow(given) : given;
    // What an alias refers to was written for another place: not made public from here, but hidden from here if secret.
    const away = aliased || isAlias(given);
    const shape = shapeOf(codec);
    if (shape.kind === 'leaf' || shape.kind === 'literal') {
      if (shape.kind === 'leaf' && shape.leaf.spec.visible === true) this.#show(node, away);
      else this.#hide(node);
    } else if (shape.kind === 'union') {
      const value =
        isMap(node) || isSeq(node) ? (node.toJS(this.#doc, { maxAliasCount: -1 }) as unknown) : textOf(node);
      const arm = shape.arms.find((one) => t.UnknownRecord.is(value) && one.decode(value)._tag === 'Right');
      const text = typeof value === 'string' ? shape.arms.find((one) => shapeOf(one).kind === 'leaf') : undefined;
      const meant = arm ?? text ?? shape.arms[meantArm(shape.arms, value) ?? -1];
      if (meant === undefined) this.#undecided(node, shape.arms, away);
      else this.enter(node, meant, path, away);
    } else if (shape.kind === 'list') {
      if (isSeq(node))
        node.items.forEach((item, index) => {
          this.enter(item, shape.item, [...path, index], away);
        });
    } else if (isMap(node)) {
      this.#map(node, shape, path, away);
    }
  }

  #map(node: YAMLMap, shape: Shape & { kind: 'map' | 'record' }, path: Path, aliased: boolean): void {
    const seen = new Set<string>();
    for (const pair of node.items) {
      const key = keyOf(pair);
      if (key === undefined) {
        this.#merge(pair.value, shape, path);
        continue;
      }
      this.#show(pair.key, aliased);
      const here = [...path, key];
      if (seen.has(key)) {
        this.findings.push({
          code: 'DUPLICATE_KEY',
          path: here,
          atKey: true,
          expected: 'each key once',
          got: 'the key again',
        });
      }
      seen.add(key);
      const codec = shape.kind === 'map' ? shape.props.get(key) : shape.value;
      if (shape.kind === 'record') this.#name(shape, key, here);
      if (codec === undefined) this.#unknown(shape, key, path);
      else this.enter(pair.value, codec, here, aliased);
    }
  }

  // No arm was meant: nothing of the values is public, but the keys that some arm has are.
  #undecided(node: unknown, arms: readonly t.Mixed[], aliased: boolean): void {
    this.#hide(node);
    if (!isMap(node)) return;
    const shapes = arms.map(shapeOf);
    for (const pair of node.items) {
      const key = keyOf(pair) ?? '';
      if (shapes.some((shape) => shape.kind === 'map' && shape.props.has(key))) this.#show(pair.key, aliased);
    }
  }

  #name(shape: Shape & { kind: 'record' }, key: string, path: Path): void {
    const result = shape.key.decode(key);
    if (result._tag === 'Right') return;
    const { code, expected } = shape.key.spec;
    this.findings.push({ code, path, atKey: true, expected, actual: key, visible: true });
  }

  #unknown(shape: Shape & { kind: 'map' | 'record' }, key: string, path: Path): void {
    const known = shape.kind === 'map' ? [...shape.props.keys()] : [];
    this.findings.push({
      code: path.length === 1 && path[0] === 'providers' ? 'UNSUPPORTED_PROVIDER' : 'UNKNOWN_KEY',
      path: [...path, key],
      atKey: true,
      expected: listOr(known, 'other keys'),
      got: 'an unknown key',
      suggestion: suggest(key, known),
    });
  }

  // `<<: *defaults`, which YAML 1.1 had and so the Python PSI's files may use.
  #merge(given: unknown, shape: Shape & { kind: 'map' | 'record' }, path: Path): void {
    const node = isAlias(given) ? this.#follow(given) : given;
    if (isMap(node)) this.#map(node, shape, path, true);
    else if (isSeq(node))
      node.items.forEach((item) => {
        this.#merge(item, shape, path);
      });
  }

  #show(node: unknown, aliased: boolean): void {
    const range = isScalar(node) ? node.range : undefined;
    if (range && !aliased) this.visible.set(range[0], range[1]);
  }

  #hide(node: unknown): void {
    const range = isScalar(node) ? node.range : undefined;
    if (range && isScalar(node)) this.hidden.add(range[0]);
  }
}

function textOf(node: unknown): string | undefined {
  return isScalar(node) && typeof node.value === 'string' ? node.value : undefined;
}

/** The key as a plain object has it; undefined for a merge key. */
export function keyOf(pair: Pair): string | undefined {
  const key: unknown = isScalar(pair.key) ? pair.key.value : pair.key;
  if (typeof key === 'symbol') return undefined;
  if (typeof key === 'string') return key;
  if (typeof key === 'number' || typeof key === 'boolean' || typeof key === 'bigint') return String(key);
  // A list or a map as a key is never one of ours, and may hold anything.
  return key === null ? '' : '(no text)';
}
