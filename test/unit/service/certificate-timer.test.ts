import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PsiError } from '../../../src/core/error.ts';
import { CertificateTimer } from '../../../src/service/certificate-timer.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';

const TOO_SELDOM = new PsiError('HOST', 'the timer looks too seldom');

test('what was found last is told, until it is found to be over', async () => {
  let found: PsiError | undefined = TOO_SELDOM;
  const timer = new CertificateTimer({ ask: () => Promise.resolve(found), clock: new FakeClock() });
  assert.equal(timer.problem, undefined);
  await timer.look();
  assert.equal(timer.problem, TOO_SELDOM);
  found = undefined;
  await timer.look();
  assert.equal(timer.problem, undefined);
});

test('a bus that hangs is waited for a second, and asked once', async () => {
  const clock = new FakeClock();
  const answers: ((found: PsiError) => void)[] = [];
  const ask = (): Promise<PsiError> => new Promise((answer) => answers.push(answer));
  const timer = new CertificateTimer({ ask, clock });
  const looks = [timer.look(), timer.look()];
  await clock.advance(1_000);
  await Promise.all(looks);
  assert.deepEqual([answers.length, timer.problem], [1, undefined]);
  answers[0]?.(TOO_SELDOM);
  await timer.look();
  assert.equal(timer.problem, TOO_SELDOM);
});
