import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseArgv } from '../../../src/config/schema/argv.ts';
import { parseDuration } from '../../../src/config/schema/duration.ts';

test('reads durations as people and systemd write them', () => {
  const known: readonly (readonly [unknown, number])[] = [
    ['250ms', 250],
    ['5s', 5000],
    ['5', 5000],
    [5, 5000],
    [0.5, 500],
    ['1.5h', 5_400_000],
    ['1h30m', 5_400_000],
    ['1h 30min', 5_400_000],
    ['90d', 7_776_000_000],
    ['2 weeks', 1_209_600_000],
    [0, 0],
  ];
  for (const [given, ms] of known) assert.equal(parseDuration(given), ms, String(given));
});

test('refuses what is no duration', () => {
  for (const given of ['', ' ', 'soon', '-5s', '5x', '1M', '1y', 's', '5constructor', '5s,', '1e9d', '99999999w']) {
    assert.equal(parseDuration(given), undefined, given);
  }
  for (const given of [-1, Number.NaN, Number.POSITIVE_INFINITY, null, undefined, true, [], {}, 1e15]) {
    assert.equal(parseDuration(given), undefined, JSON.stringify(given));
  }
});

test('adds up whatever parts are given', () => {
  const unit = fc.constantFrom<[string, number]>(
    ['ms', 1],
    ['s', 1000],
    ['m', 60_000],
    ['h', 3_600_000],
    ['d', 86_400_000],
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(999), unit), { minLength: 1, maxLength: 5 }), (parts) => {
      const text = parts.map(([count, [name]]) => `${String(count)}${name}`).join(' ');
      const sum = parts.reduce((total, [count, [, ms]]) => total + count * ms, 0);
      assert.equal(parseDuration(text), sum);
    }),
  );
});

test('splits a command at blanks with quotes, and expands nothing', () => {
  assert.deepEqual(parseArgv('systemctl reload nginx.service'), ['systemctl', 'reload', 'nginx.service']);
  assert.deepEqual(parseArgv(`a "b c" 'd "e' f\\ g "h\\"i" x""y`), ['a', 'b c', 'd "e', 'f g', 'h"i', 'xy']);
  assert.deepEqual(parseArgv('echo $HOME *'), ['echo', '$HOME', '*']);
  assert.deepEqual(parseArgv(['sh', '-c', 'a && b']), ['sh', '-c', 'a && b']);
  assert.deepEqual(parseArgv('pkill -f a#b'), ['pkill', '-f', 'a#b']);
  assert.deepEqual(parseArgv('curl http://x?a=1&b=2'), ['curl', 'http://x?a=1&b=2']);
  assert.deepEqual(parseArgv(`grep "x$" ''`), ['grep', 'x$', '']);
});

test('refuses a command that needs a shell, or is none', () => {
  for (const given of [
    'a && b',
    'a | b',
    'a > b',
    'a 2>&1',
    'a ; b',
    '"open',
    "'open",
    'a "open',
    "it's",
    'a b\\',
    '',
    '  ',
    [],
    [''],
    [1],
    null,
    5,
  ]) {
    assert.equal(parseArgv(given), undefined, JSON.stringify(given));
  }
});
