import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEnvFile } from '../../../../src/transfer/env-file/podman.ts';

const read = (text: string): unknown =>
  parseEnvFile(new TextEncoder().encode(text)).lines?.map(({ line, key, value }) => [line, key, value?.exposeText()]);

test('takes values as they stand: quotes, escapes, blanks and comment signs belong to them', () => {
  assert.deepEqual(read('A="q u o"\nB=\'x\'\\n # y \n  C= 1=2\nD=\n'), [
    [1, 'A', '"q u o"'],
    [2, 'B', "'x'\\n # y "],
    [3, 'C', ' 1=2'],
    [4, 'D', ''],
  ]);
});

test('passes over comments and empty lines, and cuts one carriage return', () => {
  assert.deepEqual(read('# x\r\n\r\n \t# y\nA=1\r\nB=2\r\r\n'), [
    [4, 'A', '1'],
    [5, 'B', '2\r'],
  ]);
});

test('names keep what podman keeps of them', () => {
  assert.deepEqual(read('export A=1\nB =2'), [
    [1, 'export A', '1'],
    [2, 'B ', '2'],
  ]);
});

test('a name alone has no value', () => {
  assert.deepEqual(read('HOME\nLC_*\n'), [
    [1, 'HOME', undefined],
    [2, 'LC_*', undefined],
  ]);
});

test('bytes that are no text stay the same bytes', () => {
  const { lines } = parseEnvFile(Uint8Array.of(0x41, 0x3d, 0xff, 0x00, 0xfe, 0x0a));
  assert.deepEqual([...(lines?.[0]?.value?.expose() ?? [])], [0xff, 0x00, 0xfe]);
});

test('says at which line podman gives up', () => {
  assert.equal(parseEnvFile(new TextEncoder().encode('A=1\n=2\n')).broken, 2);
  assert.equal(parseEnvFile(new TextEncoder().encode(`A=${'x'.repeat(70_000)}\n`)).broken, 1);
});
