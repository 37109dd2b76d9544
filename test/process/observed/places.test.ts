// One folder's trouble stays there, however often its container asks; and a provider that is away as a whole costs a few timeouts, not one
// for each start.

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { isGet, isList, NO_ANSWER, type Asked, type Front } from './front.ts';
import { stage, type Looked, type Observed } from './stage.ts';

const OTHERS = 14;

const TROUBLES: Readonly<Record<string, ReturnType<Front['answer']>>> = {
  'answers 500': { status: 500, body: { reqId: 'req-1', statusCode: 500, error: 'Find one', message: 'Something' } },
  hangs: NO_ANSWER,
  'sends another shape': { status: 200, body: { imports: 'none', secret: [] } },
};

/** One workload with so many folders, each with a secret of the folder's name and one beside it. */
function folders(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `F${String(index)}`);
}

async function registered(t: TestContext, names: readonly string[], lookups: 'one by one' | 'by list') {
  const it = await stage(t, {
    folders: Object.fromEntries(names.map((name) => [`/${name}`, { [name]: `value of ${name}`, [`${name}_B`]: 'b' }])),
    secrets: names.map((name) => ({ project: 'main', path: `/${name}` })),
    config: { lookup: { timeout: '500ms', batch_window: lookups === 'by list' ? '1m' : 0 } },
  });
  await it.registered();
  return it;
}

function isOf(names: readonly string[], asked: Asked): boolean {
  return (isGet(asked) || isList(asked)) && names.some((name) => asked.query.get('secretPath') === `/${name}`);
}

async function lookAll(it: Observed, names: readonly string[]): Promise<readonly Looked[]> {
  const looked: Looked[] = [];
  for (const name of names) looked.push(await it.lookup(name));
  return looked;
}

const failures = (looked: readonly Looked[]): readonly Extract<Looked, { readonly ok: false }>[] =>
  looked.filter((one) => !one.ok);

for (const [trouble, answer] of Object.entries(TROUBLES)) {
  for (const [many, lookups] of [[1, 'one by one'] as const, [2, 'by list'] as const]) {
    // A02
    test(`${String(many)} of ${String(many + OTHERS)} folders ${trouble}, looked up ${lookups} in a loop: the others are served`, async (t) => {
      const names = folders(many + OTHERS);
      const broken = names.slice(0, many);
      const it = await registered(t, names, lookups);
      // Nothing has answered this process before.
      await it.restart();
      it.front.answer = (asked) => (isOf(broken, asked) ? answer : undefined);
      for (const name of names.slice(many)) {
        // Its container has been restarted a few times since the last start of another.
        for (let restart = 0; restart < 3; restart += 1) await lookAll(it, broken);
        const served = { ok: true, source: 'live', value: `value of ${name}` };
        assert.deepEqual(await it.lookup(name), served);
      }
      const resting = failures(await lookAll(it, broken));
      assert.equal(resting.length, many);
      for (const { hint } of resting) assert.match(hint, /no usable answer for main:\/F\d since \d{4}-\d\d-\d\dT/);
    });
  }
}

for (const before of ['has just answered', 'has never answered'] as const) {
  // D1; that 50 starts cost few timeouts holds at 3670dbc too.
  test(`a provider that ${before} hangs as a whole: 50 starts cost three timeouts at most, and the hint says who was slow`, async (t) => {
    const names = folders(50);
    const it = await registered(t, names, 'by list');
    if (before === 'has never answered') await it.restart();
    else assert.ok((await it.lookup('F0_B')).ok);
    it.front.answer = () => NO_ANSWER;
    const failed = failures(await lookAll(it, names.slice(1)));
    assert.equal(failed.length, names.length - 1);
    const timeouts = failed.filter(({ code }) => code === 'DEADLINE');
    assert.ok(timeouts.length >= 1 && timeouts.length <= 3, String(timeouts.length));
    for (const { hint } of timeouts) {
      assert.match(hint, /infisical at 127\.0\.0\.1:\d+ did not answer in time: it took the request/);
      assert.doesNotMatch(hint, /lookup\.timeout/);
    }
    assert.match(failed.at(-1)?.hint ?? '', /infisical has given no usable answer at all since \d{4}-/);
  });
}
