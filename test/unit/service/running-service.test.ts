import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PsiError } from '../../../src/core/error.ts';
import { createLog } from '../../../src/service/log.ts';
import {
  RunningService,
  STOP_GRACE_MS,
  STOP_MS,
  type Face,
  type ServiceParts,
} from '../../../src/service/running-service.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';

/** Parts that write down what is done with them, in order. */
function stage(over: Partial<ServiceParts> = {}) {
  const done: string[] = [];
  const clock = new FakeClock();
  const note = (what: string): Promise<void> => {
    done.push(what);
    return Promise.resolve();
  };
  const face = (name: string) => async (): Promise<Face> => {
    await note(`${name} listens`);
    return { stop: (graceMs) => note(`${name} stops within ${String(graceMs)}`) };
  };
  const logged = (line: string): Promise<void> => note(`log: ${(JSON.parse(line) as { readonly msg: string }).msg}`);
  const log = createLog('info', { write: (line) => void logged(line) });
  const cache = {
    cache: { open: () => note('cache opens'), close: () => note('cache closes') },
    keys: [{ close: () => note('keys close') }],
  };
  const config = { close: () => void note('providers close') };
  const parts: ServiceParts = {
    clock,
    log,
    config,
    owed: { start: () => Promise.resolve(), stop: () => undefined },
    cache,
    control: face('control'),
    driver: face('driver'),
    watch: { start: () => void note('watch starts'), close: () => void note('watch ends') },
    figures: { start: () => void note('figures start'), close: () => void note('figures end') },
    facts: {},
    ...over,
  };
  return { parts, done, clock, cache };
}

test('the cache opens beside, and the socket that lookups come by is served last', async () => {
  const { parts, done } = stage();
  await RunningService.start(parts);
  assert.deepEqual(done, [
    'cache opens',
    'control listens',
    'driver listens',
    'log: psi serves',
    'watch starts',
    'figures start',
  ]);
});

test('a cache whose device is slow does not hold up the start', async () => {
  const { parts, done } = stage();
  const never = new Promise<void>(() => undefined);
  await RunningService.start({
    ...parts,
    cache: { cache: { open: () => never, close: () => never }, keys: [{ close: () => never }] },
  });
  assert.deepEqual(done.slice(-3), ['log: psi serves', 'watch starts', 'figures start']);
});

test('without its driver socket no service is left half started', async () => {
  const { parts, done } = stage();
  const taken = new PsiError('CONFLICT', 'another process serves it');
  await assert.rejects(RunningService.start({ ...parts, driver: () => Promise.reject(taken) }), taken);
  assert.equal(done.at(-1), 'control stops within 0');
  assert.ok(!done.includes('log: psi serves'));
});

test('a stop answers what was accepted, then lets go of providers, cache and device, in this order', async () => {
  const { parts, done, clock } = stage();
  const service = await RunningService.start(parts);
  done.length = 0;
  await service.stop();
  assert.deepEqual(done, [
    'watch ends',
    'figures end',
    'log: stopping: finishing what was accepted',
    `driver stops within ${String(STOP_GRACE_MS)}`,
    `control stops within ${String(STOP_GRACE_MS)}`,
    'providers close',
    'cache closes',
    'keys close',
    'log: stopped',
  ]);
  assert.equal(clock.sleeping, 0);
});

test('providers are there until the last accepted lookup is answered', async () => {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const { parts, done } = stage({ driver: () => Promise.resolve({ stop: () => promise }) });
  const service = await RunningService.start(parts);
  const stopped = service.stop();
  await new Promise(setImmediate);
  assert.ok(!done.includes('providers close'));
  resolve(undefined);
  await stopped;
  assert.ok(done.includes('providers close'));
});

test('a device that does not answer holds up a stop for its grace time and no longer', async () => {
  const { parts, done, clock, cache } = stage();
  const hanging = { ...cache, cache: { ...cache.cache, close: () => new Promise<void>(() => undefined) } };
  const service = await RunningService.start({ ...parts, cache: hanging });
  const stopped = service.stop();
  await clock.untilSleeping();
  await clock.advance(STOP_MS - 1);
  assert.ok(!done.includes('keys close'));
  await clock.advance(1);
  await stopped;
  assert.deepEqual(done.slice(-2), ['keys close', 'log: stopped']);
});

test('without a cache there is nothing to open and nothing to save', async () => {
  const { parts, done } = stage({ cache: undefined });
  await (await RunningService.start(parts)).stop();
  assert.ok(!done.some((line) => line.startsWith('cache') || line.startsWith('keys')));
  assert.equal(done.at(-1), 'log: stopped');
});

test('what is owed is tried while psi serves, and no longer once it stops', async () => {
  const { parts, done } = stage();
  const owed = { start: () => Promise.resolve(void done.push('owed')), stop: () => void done.push('owed no more') };
  const service = await RunningService.start({ ...parts, owed });
  assert.deepEqual(done.slice(-3), ['watch starts', 'figures start', 'owed']);
  done.length = 0;
  await service.stop();
  assert.deepEqual(done.slice(0, 4), [
    'watch ends',
    'figures end',
    'log: stopping: finishing what was accepted',
    'owed no more',
  ]);
});
