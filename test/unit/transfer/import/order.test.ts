import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretValue } from '../../../../src/core/secret-value.ts';
import type { ImportEntry } from '../../../../src/transfer/import/entry.ts';
import { roundsOf } from '../../../../src/transfer/import/order.ts';

/** Key → keys that it refers to; null: it refers to nothing. */
function rounds(keys: Readonly<Record<string, readonly string[] | null>>): readonly string[] {
  const entries = Object.keys(keys).map((key): ImportEntry => ({ key, value: SecretValue.fromText(''), from: 'x' }));
  return roundsOf(entries, ({ key }) => keys[key] ?? undefined).map((round) => round.map(({ key }) => key).join(' '));
}

const CASES: readonly (readonly [string, Parameters<typeof rounds>[0], readonly string[]])[] = [
  ['nothing is no round', {}, []],
  ['what refers to nothing is one round, in its order', { B: null, A: null }, ['B A']],
  ['what refers to something comes after it', { URL: ['HOST'], HOST: null }, ['HOST', 'URL']],
  ['also where that is elsewhere', { A: [], B: null, C: ['GONE'] }, ['B', 'A C']],
  ['a chain is a round each', { A: ['B'], B: ['C'], C: ['D'], D: null }, ['D', 'C', 'B', 'A']],
  ['what waits for two waits for both', { A: ['B', 'C'], B: ['C'], C: null }, ['C', 'B', 'A']],
  [
    'circles and references to itself come last',
    { A: ['B'], B: ['A'], S: ['S'], X: ['P'], P: null },
    ['P', 'X', 'A B S'],
  ],
];
for (const [what, keys, expected] of CASES) {
  test(what, () => {
    assert.deepEqual(rounds(keys), expected);
  });
}

test('a long chain ends in one last round that keeps its order', () => {
  const keys = Object.fromEntries(
    Array.from({ length: 40 }, (_, at) => [`K${String(at)}`, at === 39 ? null : [`K${String(at + 1)}`]]),
  );
  const all = rounds(keys);
  assert.equal(all.length, 11);
  assert.deepEqual(all.join(' ').split(' '), Object.keys(keys).toReversed());
});
