// An env file as `podman run --env-file` reads it, which is what a quadlet's EnvironmentFile= becomes: lines taken as they are, without
// quotes, escapes or continuations (systemd's own EnvironmentFile= is another syntax).

import { SecretValue } from '../../core/secret-value.ts';
import type { PassedOver, Reading, Variable } from './reading.ts';

export type EnvFileLine = {
  /** From 1. */
  readonly line: number;
  readonly key: string;
  /** undefined: there is no `=`, so Podman takes the value, if any, from its own environment. */
  readonly value: SecretValue | undefined;
};

type Broken = { readonly broken: number; readonly reason: string };

/** `broken`: the line at which Podman gives up, so that a container with this file does not start. */
export type EnvFile =
  { readonly lines: readonly EnvFileLine[]; readonly broken?: undefined } | (Broken & { readonly lines?: undefined });

/** Podman reads lines into a buffer of this size. */
const MAX_LINE_BYTES = 64 * 1024;

const [LINE_FEED, CARRIAGE_RETURN, TAB, BLANK, EQUALS, HASH] = [0x0a, 0x0d, 0x09, 0x20, 0x3d, 0x23];

export function parseEnvFile(bytes: Uint8Array): EnvFile {
  const lines: EnvFileLine[] = [];
  for (const found of linesOf(bytes)) {
    if ('broken' in found) return found;
    lines.push(found);
  }
  return { lines };
}

export function podmanReading(text: string): Reading {
  const variables: Variable[] = [];
  const passedOver: PassedOver[] = [];
  const broken: Reading['broken'][number][] = [];
  for (const found of linesOf(new TextEncoder().encode(text))) {
    if ('broken' in found) {
      broken.push({ line: found.broken, reason: found.reason });
      continue;
    }
    const span = { first: found.line, last: found.line };
    const value = found.value?.exposeExactText();
    if (value === undefined)
      passedOver.push({ ...span, reason: 'without `=` podman looks in its own environment for it' });
    else variables.push({ ...span, name: found.key, value });
  }
  return { variables, passedOver, broken };
}

/** Works on bytes: a value that is no UTF-8 must not become something else before it can be refused. */
function* linesOf(bytes: Uint8Array): Generator<EnvFileLine | Broken> {
  let start = 0;
  for (let line = 1; start < bytes.length; line += 1) {
    const feed = bytes.indexOf(LINE_FEED, start);
    const end = feed === -1 ? bytes.length : feed;
    const text = withoutEnds(bytes.subarray(start, end));
    const length = end - start;
    start = end + 1;
    if (length >= MAX_LINE_BYTES) yield { broken: line, reason: 'a line longer than podman reads' };
    else if (text.length > 0 && text[0] !== HASH) yield lineOf(line, text);
  }
}

function lineOf(line: number, text: Uint8Array): EnvFileLine | Broken {
  const equals = text.indexOf(EQUALS);
  if (equals === 0) return { broken: line, reason: 'an assignment without a name' };
  const key = new TextDecoder('utf-8', { ignoreBOM: true }).decode(equals === -1 ? text : text.subarray(0, equals));
  return { line, key, value: equals === -1 ? undefined : new SecretValue(text.slice(equals + 1)) };
}

/** Blanks before the name, and one carriage return at the end. */
function withoutEnds(line: Uint8Array): Uint8Array {
  let from = 0;
  const to = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length;
  while (from < to && (line[from] === BLANK || line[from] === TAB)) from += 1;
  return line.subarray(from, to);
}
