// The exit statuses of the lookup helper stand in its header, its README and its man page, and are the same.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

const read = (name: string): Promise<string> =>
  readFile(new URL(`../../../packages/psi-lookup/${name}`, import.meta.url), 'utf8');

const numbers = (text: string, each: RegExp): readonly number[] =>
  [...text.matchAll(each)].map(([, number]) => Number(number));

const HEADER = await read('src/psi-lookup.h');

test('README and man page list the exit statuses that there are', async () => {
  const known = numbers(HEADER, /^ {4}EXIT_\w+ = (\d+),$/gm);
  assert.ok(known.length > 5);
  assert.deepEqual(numbers(await read('README.md'), /^\| (\d+) +\|/gm), known);
  assert.deepEqual(numbers(await read('psi-lookup.8'), /^\.B (\d+)$/gm), known);
});

test('no final status is one that a shell, a signal or an empty file gives', () => {
  const final = numbers(HEADER.split('Not final')[0] ?? '', /^ {4}EXIT_\w+ = (\d+),$/gm);
  assert.equal(final.length, 7);
  for (const status of final) assert.ok(status > 78 && status < 126, String(status));
});

test('README and man page know each verb', async () => {
  const verbs = [...(await read('src/psi-lookup.c')).matchAll(/^ {4}\{"(\w+)", "[A-Z]+"/gm)].map(([, verb]) => verb);
  assert.equal(verbs.length, 5);
  for (const verb of verbs) {
    assert.match(await read('README.md'), new RegExp(`^\\| \`${String(verb)}\` `, 'm'));
    assert.match(await read('psi-lookup.8'), new RegExp(`^\\.B ${String(verb)}$`, 'm'));
  }
});
