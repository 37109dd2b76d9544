// How podman and systemd read an env file, written a second time from what they were seen to do: for properties on many values. The sandbox
// and host tiers hold the real ones to the same.

import assert from 'node:assert/strict';

export type Read = Readonly<Record<string, string>>;

/** Lines as they are; comments only at the start of a line; a carriage return before the newline goes. */
export function readAsPodman(file: string): Read {
  const lines = file.split('\n').map((line) => line.replace(/\r$/, '').replace(/^[ \t]+/, ''));
  return Object.fromEntries(lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => cut(line)));
}

/** The state machine of systemd's env-file.c, as far as valid names need it. */
export function readAsSystemd(file: string): Read {
  const found: Record<string, string> = {};
  let at = 0;
  const take = (): string => {
    assert.ok(at <= file.length, 'a quote is not closed');
    return file[at++] ?? '\n';
  };
  while (at < file.length) {
    while (at < file.length && /[ \t\n\r]/.test(file[at] ?? '')) at += 1;
    if (at >= file.length) break;
    if (/[#;]/.test(file[at] ?? '')) {
      while (at < file.length && file[at] !== '\n') at += 1;
      continue;
    }
    let key = '';
    for (let c = take(); c !== '=' && c !== '\n'; c = take()) key += c;
    found[key.trimEnd()] = valueOf(take);
  }
  return found;
}

function valueOf(take: () => string): string {
  let value = '';
  for (let c = take(); ; c = take()) {
    if (c === "'") for (c = take(); c !== "'"; c = take()) value += c;
    else if (c === '"') {
      for (c = take(); c !== '"'; c = take()) {
        const escaped = c === '\\' ? take() : undefined;
        if (escaped === undefined) value += c;
        else if (/["\\`$]/.test(escaped)) value += escaped;
        else if (escaped !== '\n') value += `\\${escaped}`;
      }
    } else if (c === '\n') return value;
    else if (!/[ \t\r]/.test(c)) {
      return value + bare(c, take);
    }
  }
}

function bare(first: string, take: () => string): string {
  let value = '';
  let solid = 0;
  for (let c = first; c !== '\n'; c = take()) {
    if (c === '\\') {
      const escaped = take();
      if (escaped !== '\n') value += escaped;
      solid = value.length;
    } else {
      value += c;
      if (!/[ \t\r]/.test(c)) solid = value.length;
    }
  }
  return value.slice(0, solid);
}

function cut(line: string): [string, string] {
  const at = line.indexOf('=');
  return [line.slice(0, at), line.slice(at + 1)];
}
