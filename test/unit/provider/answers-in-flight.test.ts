import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PsiError } from '../../../src/core/error.ts';
import { AnswersInFlight, namingAnswer, tooLarge } from '../../../src/provider/answers-in-flight.ts';

function stage(...limits: readonly number[]) {
  const answers = new AnswersInFlight();
  return limits.map((limit) => {
    const refusals: PsiError[] = [];
    return { refusals, ...answers.upTo(limit).begin((error) => void refusals.push(error)) };
  });
}

test('an answer that is larger by itself is refused at once, and for good', () => {
  const [one] = stage(100);
  one?.grow(100);
  assert.deepEqual(one?.refusals, []);
  one.grow(1);
  const said = one.refusals.map(({ code, retry, message }) => [code, retry, message]);
  assert.deepEqual(said, [['ANSWER_TOO_LARGE', 'no', 'the answer is larger than 100 bytes']]);
});

test('of several the largest makes room, whoever came last, and may come again', () => {
  const [small, large, last] = stage(100, 100, 100);
  small?.grow(10);
  large?.grow(80);
  last?.grow(20);
  assert.deepEqual(
    [small, large, last].map((one) => one?.refusals.length),
    [0, 1, 0],
  );
  assert.equal(large?.refusals[0]?.retry, 'later');
  // It counts no more, whatever still comes of it.
  large.grow(1_000);
  last?.grow(70);
  assert.deepEqual(
    [small, last].map((one) => one?.refusals.length),
    [0, 0],
  );
});

test('one that has ended makes room too', () => {
  const [first, second] = stage(100, 100);
  first?.grow(90);
  first?.end();
  first?.end();
  second?.grow(90);
  assert.deepEqual(second?.refusals, []);
});

test('never more than the limit is held, and each answer is refused once at most', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 60 }), fc.boolean())), (steps) => {
      const answers = stage(100, 100, 100, 100, 100, 100);
      const held = new Map<number, number>();
      for (const [who, bytes, ends] of steps) {
        const answer = answers[who];
        if (answer?.refusals.length === 0 && held.get(who) !== -1) {
          answer.grow(bytes);
          held.set(who, (held.get(who) ?? 0) + bytes);
        }
        if (ends) {
          answer?.end();
          held.set(who, -1);
        }
        const open = answers.flatMap(({ refusals }, at) =>
          refusals.length === 0 ? Math.max(0, held.get(at) ?? 0) : 0,
        );
        assert.ok(open.reduce((sum, one) => sum + one, 0) <= 100);
        for (const { refusals } of answers) assert.ok(refusals.length <= 1);
      }
    }),
  );
});

test('the failure says what was asked for, and the size where it was announced', () => {
  const named = namingAnswer(tooLarge(64 << 20, 1.1 * 1024 ** 3), 'the folder main:/big') as PsiError;
  assert.equal(named.message, 'the folder main:/big is larger than 64 MB (1.1 GB)');
  assert.match(named.hint ?? '', /`limits\.answers`/);
  const other = new Error('another');
  assert.equal(namingAnswer(other, 'the folder'), other);
});
