// The schema as JSON Schema, for editors. Generated from the codecs; docs/config.schema.json is its printed form.

import type * as t from 'io-ts';
import type { ProviderSection } from '../provider-section.ts';
import { fileCodec } from '../sections/file.ts';
import { OWN_SECTIONS } from '../sections/own-providers.ts';
import { providersCodec, type EntrySection } from '../sections/providers.ts';
import type { JsonSchema } from './leaf.ts';
import { secretField, tokenSource } from './secret-field.ts';
import { shapeOf } from './shape.ts';

export function configJsonSchema(managers: readonly ProviderSection[]): JsonSchema {
  const kinds: readonly EntrySection[] = [...managers, ...OWN_SECTIONS];
  const providers = providersCodec({}, kinds);
  /** Written once and referred to: they stand in many places. */
  const shared = new Map<t.Mixed, string>([
    ...kinds.flatMap((kind) => [...kind.shared]),
    [secretField, 'secret'],
    [tokenSource, 'tokenSource'],
  ]);
  const special = (codec: t.Mixed): JsonSchema | undefined => {
    const name = shared.get(codec);
    if (name !== undefined) return { $ref: `#/definitions/${name}` };
    return codec === providers
      ? { ...schemaOf(providers, special), additionalProperties: { anyOf: kinds.map(otherName) } }
      : undefined;
  };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'PSI configuration',
    ...schemaOf(fileCodec(providers), special),
    definitions: Object.fromEntries(Array.from(shared, ([codec, name]) => [name, schemaOf(codec, special)])),
  };
}

/** An entry whose name is not that of its kind has to say the kind. */
function otherName({ kind }: EntrySection): JsonSchema {
  return {
    allOf: [
      { $ref: `#/properties/providers/properties/${kind}` },
      { properties: { kind: { const: kind } }, required: ['kind'] },
    ],
  };
}

/** `special`: what stands in place of a part. It is asked for the parts alone, not for the codec itself. */
function schemaOf(codec: t.Mixed, special: (part: t.Mixed) => JsonSchema | undefined): JsonSchema {
  const partOf = (part: t.Mixed): JsonSchema => special(part) ?? schemaOf(part, special);
  const shape = shapeOf(codec);
  switch (shape.kind) {
    case 'leaf':
      return { description: shape.leaf.spec.expected, ...shape.leaf.spec.json };
    case 'literal':
      return { const: shape.value };
    case 'list':
      return { type: 'array', items: partOf(shape.item) };
    case 'union':
      return { description: codec.name, anyOf: shape.arms.map(partOf) };
    case 'record':
      return {
        type: 'object',
        propertyNames: shape.key.spec.json,
        additionalProperties: partOf(shape.value),
      };
    case 'map': {
      const properties = Object.fromEntries([...shape.props].map(([key, value]) => [key, partOf(value)]));
      const required = shape.required.size === 0 ? {} : { required: [...shape.required] };
      return { type: 'object', properties, ...required, additionalProperties: false };
    }
  }
}
