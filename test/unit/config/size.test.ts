import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSize } from '../../../src/config/schema/size.ts';
import { sizeText } from '../../../src/core/text/size.ts';

test('a size is read as people and systemd write it', () => {
  const cases: readonly (readonly [unknown, number | undefined])[] = [
    ['64MB', 64 << 20],
    ['64 MB', 64 << 20],
    ['64M', 64 << 20],
    ['64MiB', 64 << 20],
    ['512KB', 512 << 10],
    ['1GB', 2 ** 30],
    ['1000', 1000],
    ['10B', 10],
    [1000, 1000],
    ['1.5MB', undefined],
    ['64mb', undefined],
    ['-1MB', undefined],
    [-1, undefined],
    [0.5, undefined],
    ['', undefined],
    ['MB', undefined],
    [true, undefined],
  ];
  for (const [written, bytes] of cases) assert.equal(parseSize(written), bytes, String(written));
});

test('and written as short as it may be', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0 bytes'],
    [900, '900 bytes'],
    [64 << 20, '64 MB'],
    [1126 << 20, '1.1 GB'],
    [(300 << 20) + 1, '300 MB'],
  ];
  for (const [bytes, text] of cases) assert.equal(sizeText(bytes), text);
});
