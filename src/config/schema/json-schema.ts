// The schema as JSON Schema, for editors. Generated from the codecs; docs/config.schema.json is its printed form.

import type * as t from 'io-ts';
import type { JsonSchema } from './leaf.ts';
import { authCodec } from './auth.ts';
import { configCodec } from './schema.ts';
import { secretField, tokenSource } from './secret-field.ts';
import { shapeOf } from './shape.ts';

export function configJsonSchema(): JsonSchema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'PSI configuration',
    ...schemaOf(configCodec),
    definitions: Object.fromEntries(Array.from(SHARED, ([codec, name]) => [name, schemaOf(codec, true)])),
  };
}

/** Written once and referred to: they stand in many places. */
const SHARED: ReadonlyMap<t.Mixed, string> = new Map<t.Mixed, string>([
  [authCodec, 'auth'],
  [secretField, 'secret'],
  [tokenSource, 'tokenSource'],
]);

function schemaOf(codec: t.Mixed, inFull = false): JsonSchema {
  const shared = SHARED.get(codec);
  if (shared !== undefined && !inFull) return { $ref: `#/definitions/${shared}` };
  const shape = shapeOf(codec);
  switch (shape.kind) {
    case 'leaf':
      return { description: shape.leaf.spec.expected, ...shape.leaf.spec.json };
    case 'literal':
      return { const: shape.value };
    case 'list':
      return { type: 'array', items: schemaOf(shape.item) };
    case 'union':
      return { description: codec.name, anyOf: shape.arms.map((arm) => schemaOf(arm)) };
    case 'record':
      return {
        type: 'object',
        propertyNames: shape.key.spec.json,
        additionalProperties: schemaOf(shape.value),
      };
    case 'map': {
      const properties = Object.fromEntries([...shape.props].map(([key, value]) => [key, schemaOf(value)]));
      const required = shape.required.size === 0 ? {} : { required: [...shape.required] };
      return { type: 'object', properties, ...required, additionalProperties: false };
    }
  }
}
