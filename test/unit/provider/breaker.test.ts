// One folder's trouble, and that of a whole provider: which is which, and what each costs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ALL_WELL,
  answered,
  ask,
  failed,
  foundDown,
  foundUp,
  untold,
  type Breakers,
} from '../../../src/provider/breaker.ts';
import { PsiError } from '../../../src/core/error.ts';

const ERROR = new PsiError('DEADLINE', 'too slow');
const MINUTE = 60_000;

/** A world in which some places hang and the server's own status answers or not; each call ends at once. */
class World {
  breakers: Breakers = ALL_WELL;
  now = 0;
  timeouts = 0;
  probes = 0;
  status = true;
  slow = true;
  readonly broken = new Set<string>();
  dead = false;

  call(place: string): 'value' | 'failed' | 'resting' | 'whole resting' {
    const permission = ask(this.breakers, place, this.now);
    if (!permission.allowed) return permission.of === 'whole' ? 'whole resting' : 'resting';
    this.breakers = permission.next;
    if (!this.dead && !this.broken.has(place)) {
      this.breakers = answered(this.breakers, place, this.now);
      return 'value';
    }
    this.timeouts += 1;
    const { next, inDoubt } = failed(this.breakers, place, { error: ERROR, slow: this.slow }, this.now);
    this.breakers = next;
    if (inDoubt) {
      this.probes += 1;
      this.breakers = this.status ? foundUp(next, place, this.now) : foundDown(next, this.now);
    }
    return 'failed';
  }
}

const places = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `p${String(index)}`);

for (const slow of [true, false]) {
  for (const many of [1, 2]) {
    test(`${String(many)} broken, ${slow ? 'hanging' : 'answering 500'}, asked each second for an hour: the others are never refused`, () => {
      const world = new World();
      world.slow = slow;
      for (const place of places(many)) world.broken.add(place);
      for (let second = 0; second < 3_600; second += 1) {
        world.now = second * 1000;
        for (const place of places(many)) world.call(place);
        // Rarely enough that nothing of the provider has answered for more than a minute.
        if (second % 240 === 239) assert.equal(world.call(`other ${String(second)}`), 'value');
      }
      assert.ok(world.timeouts <= many * (3_600 / 30 + 8), `the lock was held ${String(world.timeouts)} times`);
    });
  }
}

for (const answeredBefore of [true, false]) {
  for (const folders of [1, 2, 50]) {
    test(`a provider that hangs as a whole: 50 starts, ${String(folders)} folders, ${answeredBefore ? 'just answered' : 'never asked'}`, () => {
      const world = new World();
      if (answeredBefore) world.call('before');
      world.dead = true;
      world.status = false;
      for (let start = 0; start < 50; start += 1) world.call(`p${String(start % folders)}`);
      assert.ok(world.timeouts <= 3, String(world.timeouts));
    });
  }
}

test('while it is down one call at a time is let through, ever more rarely, and its success is the end of it for all', () => {
  const world = new World();
  world.dead = true;
  world.status = false;
  assert.equal(world.call('a'), 'failed');
  for (const rest of [2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    world.now += rest - 1;
    assert.equal(world.call('b'), 'whole resting');
    world.now += 1;
    assert.equal(world.call('b'), 'failed');
    assert.equal(world.call('c'), 'whole resting');
  }
  world.dead = false;
  world.now += 30_000;
  assert.equal(world.call('c'), 'value');
  for (const place of ['a', 'b', 'd']) assert.equal(world.call(place), 'value');
});

test('a provider that is back is not held down by a broken folder that takes the try', () => {
  const world = new World();
  world.dead = true;
  world.status = false;
  world.broken.add('broken');
  world.call('a');
  world.dead = false;
  world.status = true;
  world.now += 2_000;
  assert.equal(world.call('broken'), 'failed');
  assert.equal(world.call('a'), 'value');
  assert.equal(world.call('broken'), 'resting');
});

test('within a minute of any answer two failing places ask no question of the status', () => {
  const world = new World();
  world.status = false;
  world.call('well');
  world.broken.add('a').add('b').add('c');
  world.now = MINUTE - 1;
  for (const place of ['a', 'b']) world.call(place);
  assert.equal(world.probes, 0);
  assert.equal(world.call('well'), 'value');
  world.now += MINUTE;
  world.call('a');
  assert.equal(world.probes, 1);
  assert.equal(world.call('well'), 'whole resting');
});

test('a try that ended without news leaves the next one to somebody else', () => {
  const world = new World();
  world.dead = true;
  world.status = false;
  world.call('a');
  world.now += 2_000;
  const permission = ask(world.breakers, 'a', world.now);
  assert.ok(permission.allowed);
  assert.ok(!ask(permission.next, 'b', world.now).allowed);
  assert.ok(ask(untold(permission.next, 'a'), 'b', world.now).allowed);
});

test('a try that nobody has told the end of does not last for ever', () => {
  const world = new World();
  world.dead = true;
  world.status = false;
  world.call('a');
  const permission = ask(world.breakers, 'a', 2_000);
  assert.ok(permission.allowed);
  assert.ok(!ask(permission.next, 'a', 2_000 + MINUTE - 1).allowed);
  assert.ok(ask(permission.next, 'a', 2_000 + MINUTE).allowed);
});

const STEPS = fc.array(
  fc.record({
    place: fc.nat(5),
    pauseMs: fc.constantFrom(0, 10, 1_000, 2_000, 30_000, 61_000),
    broken: fc.subarray([0, 1, 2, 3, 4, 5]),
    status: fc.boolean(),
    slow: fc.boolean(),
  }),
  { maxLength: 60 },
);

test('whatever happens: nobody is refused as a whole while the status answers, and no rest is longer than half a minute', () => {
  fc.assert(
    fc.property(STEPS, (steps) => {
      const world = new World();
      for (const { place, pauseMs, broken, slow } of steps) {
        world.now += pauseMs;
        world.slow = slow;
        world.broken.clear();
        for (const one of broken) world.broken.add(String(one));
        assert.notEqual(world.call(String(place)), 'whole resting');
      }
      world.now += 30_000;
      for (const place of places(6)) assert.notEqual(world.call(place), 'resting');
    }),
  );
});

test('whatever happened: a provider that is well answers every place after half a minute', () => {
  fc.assert(
    fc.property(STEPS, (steps) => {
      const world = new World();
      for (const { place, pauseMs, broken, slow, status } of steps) {
        world.now += pauseMs;
        Object.assign(world, { slow, status });
        world.broken.clear();
        for (const one of broken) world.broken.add(String(one));
        world.call(String(place));
      }
      world.now += 30_000;
      world.broken.clear();
      for (let place = 0; place < 6; place += 1) assert.equal(world.call(String(place)), 'value');
    }),
  );
});

test('places that fail are remembered within a bound', () => {
  const world = new World();
  for (const place of places(3_000)) {
    world.broken.add(place);
    world.call(place);
  }
  assert.equal(world.breakers.places.size, 1_000);
});
