// An env file as `podman run --env-file` reads it, which is what a quadlet's EnvironmentFile= becomes: lines taken as they are, without
// quotes, escapes or continuations (systemd's own EnvironmentFile= is another syntax).

import { SecretValue } from '../../core/secret-value.ts';

export type EnvFileLine = {
  /** From 1. */
  readonly line: number;
  readonly key: string;
  /** undefined: there is no `=`, so Podman takes the value, if any, from its own environment. */
  readonly value: SecretValue | undefined;
};

/** `broken`: the line at which Podman gives up, so that a container with this file does not start. */
export type EnvFile =
  | { readonly lines: readonly EnvFileLine[]; readonly broken?: undefined }
  | { readonly lines?: undefined; readonly broken: number; readonly reason: string };

/** Podman reads lines into a buffer of this size. */
const MAX_LINE_BYTES = 64 * 1024;

const [LINE_FEED, CARRIAGE_RETURN, TAB, BLANK, EQUALS, HASH] = [0x0a, 0x0d, 0x09, 0x20, 0x3d, 0x23];

/** Works on bytes: a value that is no UTF-8 must not become something else before it can be refused. */
export function parseEnvFile(bytes: Uint8Array): EnvFile {
  const found: EnvFileLine[] = [];
  let start = 0;
  for (let line = 1; start < bytes.length; line += 1) {
    const feed = bytes.indexOf(LINE_FEED, start);
    const end = feed === -1 ? bytes.length : feed;
    if (end - start >= MAX_LINE_BYTES) return { broken: line, reason: 'a line longer than podman reads' };
    const text = withoutEnds(bytes.subarray(start, end));
    start = end + 1;
    if (text.length === 0 || text[0] === HASH) continue;
    const equals = text.indexOf(EQUALS);
    if (equals === 0) return { broken: line, reason: 'an assignment without a name' };
    const key = new TextDecoder('utf-8', { ignoreBOM: true }).decode(equals === -1 ? text : text.subarray(0, equals));
    found.push({ line, key, value: equals === -1 ? undefined : new SecretValue(text.slice(equals + 1)) });
  }
  return { lines: found };
}

/** Blanks before the name, and one carriage return at the end. */
function withoutEnds(line: Uint8Array): Uint8Array {
  let from = 0;
  const to = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length;
  while (from < to && (line[from] === BLANK || line[from] === TAB)) from += 1;
  return line.subarray(from, to);
}
