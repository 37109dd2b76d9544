// How the schema is read by those who walk it (unknown keys, error paths, JSON Schema): a small view of the io-ts types in use.

import * as t from 'io-ts';
import { Leaf } from './leaf.ts';
import { KeyLeaf } from './section.ts';

export type Shape =
  | { readonly kind: 'leaf'; readonly leaf: Leaf<unknown> }
  | { readonly kind: 'literal'; readonly value: string }
  | { readonly kind: 'map'; readonly props: ReadonlyMap<string, t.Mixed>; readonly required: ReadonlySet<string> }
  | { readonly kind: 'record'; readonly key: Leaf<string>; readonly value: t.Mixed }
  | { readonly kind: 'list'; readonly item: t.Mixed }
  | { readonly kind: 'union'; readonly arms: readonly t.Mixed[] };

/** Fails for an io-ts type that the schema does not use, so that a new one cannot be overlooked by a walk. */
export function shapeOf(codec: t.Mixed): Shape {
  if (codec instanceof Leaf) return { kind: 'leaf', leaf: codec as Leaf<unknown> };
  if (codec instanceof t.LiteralType) return { kind: 'literal', value: String(codec.value) };
  if (codec instanceof t.InterfaceType) {
    const props = propsOf(codec.props);
    return { kind: 'map', props, required: new Set(props.keys()) };
  }
  if (codec instanceof t.PartialType) return { kind: 'map', props: propsOf(codec.props), required: new Set() };
  if (codec instanceof t.IntersectionType) return merge((codec.types as readonly t.Mixed[]).map(shapeOf));
  if (codec instanceof t.DictionaryType && codec.domain instanceof KeyLeaf) {
    return { kind: 'record', key: codec.domain.rule, value: codec.codomain as t.Mixed };
  }
  if (codec instanceof t.ReadonlyArrayType || codec instanceof t.ArrayType)
    return { kind: 'list', item: codec.type as t.Mixed };
  if (codec instanceof t.UnionType) return { kind: 'union', arms: codec.types as readonly t.Mixed[] };
  throw new TypeError(`the schema holds a type that nobody can walk: ${codec.name}`);
}

function propsOf(props: unknown): ReadonlyMap<string, t.Mixed> {
  return new Map(Object.entries(props as Record<string, t.Mixed>));
}

function merge(shapes: readonly Shape[]): Shape {
  const props = new Map<string, t.Mixed>();
  const required = new Set<string>();
  for (const shape of shapes) {
    if (shape.kind !== 'map') throw new TypeError('only maps are intersected');
    for (const [key, codec] of shape.props) props.set(key, codec);
    for (const key of shape.required) required.add(key);
  }
  return { kind: 'map', props, required };
}

/** The key that tells the arms of a union apart, with its word for each arm; undefined if they are told apart by their keys. */
export function tagOf(
  arms: readonly t.Mixed[],
): { readonly key: string; readonly words: readonly string[] } | undefined {
  const tags = arms.map((arm) => {
    const shape = shapeOf(arm);
    if (shape.kind !== 'map') return undefined;
    for (const [key, codec] of shape.props) {
      if (codec instanceof t.LiteralType) return { key, word: String(codec.value) };
    }
    return undefined;
  });
  const key = tags[0]?.key;
  if (key === undefined || tags.some((tag) => tag?.key !== key)) return undefined;
  return { key, words: tags.map((tag) => tag?.word ?? '') };
}

/** Which arm was meant by a value, also by one with mistakes in it: by the tag, else the only one whose required keys are there. */
export function meantArm(arms: readonly t.Mixed[], value: unknown): number | undefined {
  if (Array.isArray(value)) {
    const index = arms.findIndex((arm) => shapeOf(arm).kind === 'list');
    return index === -1 ? undefined : index;
  }
  if (!isRecord(value)) return undefined;
  const tag = tagOf(arms);
  if (tag !== undefined) {
    const index = tag.words.findIndex((word) => word === value[tag.key]);
    return index === -1 ? undefined : index;
  }
  const fits = arms.flatMap((arm, index) => {
    const shape = shapeOf(arm);
    if (shape.kind !== 'map' || shape.required.size === 0) return [];
    return [...shape.required].every((key) => Object.hasOwn(value, key)) ? [index] : [];
  });
  return fits.length === 1 ? fits[0] : undefined;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
