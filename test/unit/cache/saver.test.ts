import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { CacheSaver } from '../../../src/cache/saver.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';

function stage() {
  const clock = new FakeClock();
  const saves: { readonly at: number; readonly finish: (error?: Error) => void }[] = [];
  let automatic = true;
  let running = 0;
  const saver = new CacheSaver({
    clock,
    save: () => {
      running += 1;
      assert.equal(running, 1, 'one save at a time');
      return new Promise<void>((resolve, reject) => {
        const finish = (error?: Error): void => {
          running -= 1;
          if (error) reject(error);
          else resolve();
        };
        saves.push({ at: clock.monotonic(), finish });
        if (automatic) finish();
      });
    },
  });
  return {
    clock,
    saves,
    saver,
    byHand: () => {
      automatic = false;
    },
  };
}

describe('cache saver', () => {
  it('makes one save of 1,000 changes in a burst', async () => {
    const { clock, saves, saver } = stage();
    for (let at = 0; at < 1000; at += 1) saver.soon();
    await clock.advance(60_000);
    assert.equal(saves.length, 1);
    assert.equal(saver.pending, false);
  });

  it('makes at most five saves of 1,000 changes that take a minute', async () => {
    const { clock, saves, saver } = stage();
    for (let at = 0; at < 1000; at += 1) {
      saver.soon();
      await clock.advance(60);
    }
    await clock.advance(60_000);
    assert.ok(saves.length <= 5, String(saves.length));
    assert.equal(saver.pending, false);
  });

  it('saves a second after the last change', async () => {
    const { clock, saves, saver } = stage();
    saver.soon();
    await clock.advance(600);
    saver.soon();
    await clock.advance(999);
    assert.equal(saves.length, 0);
    await clock.advance(1);
    assert.deepEqual(
      saves.map(({ at }) => at),
      [1600],
    );
  });

  it('saves again what changed while it saved', async () => {
    const { clock, saves, saver, byHand } = stage();
    byHand();
    saver.soon();
    await clock.advance(1000);
    saver.soon();
    saves[0]?.finish();
    await clock.advance(1000);
    assert.equal(saves.length, 2);
    saves[1]?.finish();
    await clock.advance(60_000);
    assert.equal(saves.length, 2);
  });

  it('saves at once when asked to, and shares a save among those who ask meanwhile', async () => {
    const { saves, saver, byHand, clock } = stage();
    byHand();
    const first = saver.now();
    await clock.advance(0);
    const others = [saver.now(), saver.now(), saver.now()];
    saves[0]?.finish();
    await first;
    await clock.advance(0);
    assert.equal(saves.length, 2);
    saves[1]?.finish();
    await Promise.all(others);
  });

  it('tells who asked that it failed, and tries again later, ever less often', async () => {
    const { clock, saves, saver, byHand } = stage();
    byHand();
    const asked = saver.now();
    await clock.advance(0);
    saves[0]?.finish(new Error('disk full'));
    await assert.rejects(asked, /disk full/);
    assert.equal(saver.pending, true);
    for (const pause of [30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000]) {
      const before = saves.length;
      await clock.advance(pause - 1);
      assert.equal(saves.length, before);
      await clock.advance(1);
      assert.equal(saves.length, before + 1);
      saves.at(-1)?.finish(new Error('still full'));
      await clock.advance(0);
    }
    await clock.advance(600_000);
    saves.at(-1)?.finish();
    await clock.advance(3_600_000);
    assert.equal(saver.pending, false);
    assert.equal(saves.length, 9);
  });

  it('saves what is left when it is closed, and nothing afterwards', async () => {
    const { clock, saves, saver } = stage();
    saver.soon();
    await saver.close();
    assert.equal(saves.length, 1);
    saver.soon();
    await clock.advance(60_000);
    assert.equal(saves.length, 1);
  });

  it('has nothing to save when it is closed unchanged', async () => {
    const { saves, saver } = stage();
    await saver.close();
    assert.equal(saves.length, 0);
  });
});
