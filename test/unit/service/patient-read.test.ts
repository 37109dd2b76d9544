import assert from 'node:assert/strict';
import { test } from 'node:test';

import { patientRead } from '../../../src/service/patient-read.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';

test('a file that does not answer fails in time, and is not asked again before it has', async () => {
  const clock = new FakeClock();
  const asked: string[] = [];
  const hung = Promise.withResolvers<Uint8Array>();
  const read = patientRead((path) => {
    asked.push(path);
    return path === '/dead' ? hung.promise : Promise.resolve(Uint8Array.of(1));
  }, clock);
  const untilLate = async (): Promise<void> => {
    const late = assert.rejects(read('/dead'), { code: 'ETIMEDOUT' });
    await clock.advance(5_000);
    await late;
  };
  await untilLate();
  await untilLate();
  assert.deepEqual(await read('/live'), Uint8Array.of(1));
  assert.deepEqual([asked, clock.sleeping], [['/dead', '/live'], 0]);
  hung.resolve(Uint8Array.of(2));
  assert.deepEqual(await read('/dead'), Uint8Array.of(2));
  await read('/dead');
  assert.equal(asked.length, 3);
});
