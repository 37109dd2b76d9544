// io-ts's validation errors turned into findings. Never io-ts's own report: that prints the offending value.

import * as t from 'io-ts';
import { suggest } from './hints.ts';
import type { IssueCode } from './hints.ts';
import type { Finding, Path } from './finding.ts';
import { Leaf, LeafRefusal } from '../schema/leaf.ts';
import { isRecord, meantArm, tagOf } from '../schema/shape.ts';

export function decodeFindings(errors: t.Errors): readonly Finding[] {
  const found = new Map<string, Finding>();
  for (const error of errors) {
    const finding = findingOf(error);
    // Both halves of a section fail where it is no map, and each arm of a union does: one problem each.
    if (finding !== undefined) found.set(JSON.stringify([finding.code, finding.path]), finding);
  }
  return [...found.values()];
}

function findingOf(error: t.ValidationError): Finding | undefined {
  const { context } = error;
  for (const [index, entry] of context.entries()) {
    const arms = armsOf(entry.type);
    if (arms.length === 0) continue;
    const meant = meantArm(arms, entry.actual);
    if (meant === undefined) return unionFinding(entry, pathOf(context.slice(0, index + 1)));
    const branch = context[index + 1]?.key;
    // The arm that was meant tells what is wrong; what the others miss is noise.
    if (branch !== undefined && branch !== String(meant)) return undefined;
  }
  const last = context.at(-1);
  if (last === undefined) return undefined;
  return leafFinding(error, last.type, last.actual, pathOf(context));
}

/** Of a union; none of anything else. */
function armsOf(codec: unknown): readonly t.Mixed[] {
  return codec instanceof t.UnionType ? (codec.types as readonly t.Mixed[]) : [];
}

function unionFinding(entry: t.ContextEntry, path: Path): Finding {
  const arms = armsOf(entry.type);
  const tag = tagOf(arms);
  if (tag !== undefined && isRecord(entry.actual)) {
    const actual = entry.actual[tag.key];
    const expected = `one of ${tag.words.join(', ')}`;
    if (actual === undefined) return missing([...path, tag.key], expected);
    const suggestion = typeof actual === 'string' ? suggest(actual, tag.words) : undefined;
    return { code: 'NOT_A_CHOICE', path: [...path, tag.key], expected, actual, suggestion };
  }
  if (entry.actual === undefined) return missing(path, entry.type.name);
  const text = textArm(arms);
  // Of the text alone: what it says about itself says more than that none of the arms took it.
  const own = typeof entry.actual === 'string' && text !== undefined ? textFinding(entry.actual, text) : {};
  return {
    code: tag === undefined ? referenceCode(arms) : 'WRONG_TYPE',
    path,
    expected: entry.type.name,
    actual: entry.actual,
    visible: typeof entry.actual === 'string' && text?.spec.visible === true,
    ...own,
  };
}

function textFinding(actual: string, { spec }: Leaf<unknown>): Partial<Finding> {
  const parsed = spec.parse(actual);
  return {
    suggestion: suggest(actual, spec.choices ?? []),
    ...(parsed instanceof LeafRefusal && { code: parsed.code }),
  };
}

// Unions without a tag are named by what their text may be; those that take no text are the sources of short-lived tokens.
function referenceCode(arms: readonly t.Mixed[]): IssueCode {
  return textArm(arms)?.spec.code ?? 'BAD_TOKEN_SOURCE';
}

function textArm(arms: readonly t.Mixed[]): Leaf<unknown> | undefined {
  return arms.find((arm): arm is Leaf<unknown> => arm instanceof Leaf);
}

function leafFinding(
  error: t.ValidationError,
  codec: t.Decoder<unknown, unknown>,
  actual: unknown,
  path: Path,
): Finding {
  if (actual === undefined) return missing(path, codec.name);
  if (!(codec instanceof Leaf)) return { code: 'WRONG_TYPE', path, expected: codec.name, actual };
  const { spec } = codec as Leaf<unknown>;
  const suggestion = typeof actual === 'string' ? suggest(actual, spec.choices ?? []) : undefined;
  const meant = typeof actual === 'string' ? spec.meant?.(actual) : undefined;
  const code = (error.message ?? spec.code) as IssueCode;
  return { code, path, expected: spec.expected, actual, visible: spec.visible ?? false, suggestion, meant };
}

function missing(path: Path, expected: string): Finding {
  return { code: 'MISSING_KEY', path, expected: `key "${String(path.at(-1))}": ${expected}`, got: 'no such key' };
}

/** The first entry is the root; an entry below an intersection or a union is a branch number and no key of the file. */
function pathOf(context: readonly t.ContextEntry[]): Path {
  return context.flatMap((entry, index) => {
    const parent = context[index - 1]?.type;
    if (parent === undefined || parent instanceof t.IntersectionType || parent instanceof t.UnionType) return [];
    return [parent instanceof t.ReadonlyArrayType ? Number(entry.key) : entry.key];
  });
}
