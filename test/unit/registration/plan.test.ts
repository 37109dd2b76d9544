import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Mapping } from '../../../src/core/mapping.ts';
import { planDropIn, planSecrets, unclaimed, type Actual } from '../../../src/registration/plan.ts';
import type { RegisteredSecret } from '../../../src/registration/registered-secret.ts';
import { secretName } from '../../../src/core/naming.ts';
import type { DesiredSecret } from '../../../src/survey/selection.ts';

const OPTIONS = { lookup: 'psi lookup', store: 'psi store', delete: 'psi delete', list: 'psi list' };

function mapping(key: string, path = '/myapp'): Mapping {
  return { provider: 'infisical', project: 'p', path, key };
}

function desired(key: string, path?: string): DesiredSecret {
  return {
    name: secretName('myapp', key),
    kind: 'env',
    target: key,
    mode: undefined,
    mapping: mapping(key, path),
    fetched: undefined,
  };
}

function registered(key: string, over: Partial<RegisteredSecret> = {}): RegisteredSecret {
  return { id: `id-${key}`, name: `myapp--${key}`, driver: 'shell', options: OPTIONS, ...over };
}

function actual(secrets: readonly RegisteredSecret[], mappings: Readonly<Record<string, Mapping>>): Actual {
  return {
    registered: new Map(secrets.map((secret) => [secret.name, secret])),
    mappingOf: (id) => mappings[id],
    names: { plain: false, longest: 253, version: '5.4.2' },
    isOurs: ({ options }) => options['lookup']?.startsWith('psi ') ?? false,
  };
}

test('creates what Podman does not have', () => {
  const plan = planSecrets('myapp', [desired('A')], OPTIONS, actual([], {}));
  assert.deepEqual(plan.changes, [{ action: 'create', workload: 'myapp', name: 'myapp--A', mapping: mapping('A') }]);
});

test('names what an old Podman would refuse, instead of promising it', () => {
  const old = {
    ...actual([registered('K-')], { 'id-K-': mapping('K-') }),
    names: { plain: true, longest: 64, version: '4.3.1' },
  };
  const keys = ['A', 'B-', 'C@1', 'D'.repeat(60), 'K-'];
  const plan = planSecrets(
    'myapp',
    keys.map((key) => desired(key)),
    OPTIONS,
    old,
  );
  assert.deepEqual(
    plan.changes.map((change) => ('name' in change ? change.name : '')),
    ['myapp--A'],
  );
  assert.deepEqual(
    plan.problems.map(({ name, reason }) => [name.slice(0, 10), /podman 4\.3\.1 takes/.test(reason)]),
    [
      ['myapp--B-', true],
      ['myapp--C@1', true],
      ['myapp--DDD', true],
    ],
  );
  // What is there already is there.
  assert.equal(plan.kept, 1);
});

test('registers a secret once, however often it is used, and drops all its uses where it cannot be', () => {
  const uses = [desired('A'), { ...desired('A'), target: 'B' }];
  const plan = planSecrets('myapp', uses, OPTIONS, actual([], {}));
  assert.deepEqual([plan.changes.map(({ action }) => action), plan.usable], [['create'], uses]);
  const there = planSecrets('myapp', uses, OPTIONS, actual([registered('A')], { 'id-A': mapping('A') }));
  assert.deepEqual([there.changes, there.kept, there.usable], [[], 1, uses]);
  const taken = planSecrets('myapp', uses, OPTIONS, actual([registered('A', { driver: 'file' })], {}));
  assert.deepEqual([taken.usable, taken.problems.length], [[], 1]);
});

test('leaves alone what is as it should be', () => {
  const plan = planSecrets('myapp', [desired('A')], OPTIONS, actual([registered('A')], { 'id-A': mapping('A') }));
  assert.deepEqual([plan.changes, plan.kept, plan.orphans], [[], 1, []]);
});

test('rewrites a mapping in place when the path moved', () => {
  const plan = planSecrets(
    'myapp',
    [desired('A', '/new')],
    OPTIONS,
    actual([registered('A')], { 'id-A': mapping('A') }),
  );
  assert.deepEqual(plan.changes, [
    { action: 'remap', workload: 'myapp', name: 'myapp--A', id: 'id-A', mapping: mapping('A', '/new') },
  ]);
});

test('restores a mapping file that was lost', () => {
  const plan = planSecrets('myapp', [desired('A')], OPTIONS, actual([registered('A')], {}));
  assert.deepEqual(
    plan.changes.map((change) => change.action),
    ['remap'],
  );
});

test('replaces only when the frozen commands differ', () => {
  const old = registered('A', { options: { ...OPTIONS, lookup: 'psi lookup of an earlier version' } });
  const plan = planSecrets('myapp', [desired('A')], OPTIONS, actual([old], { 'id-A': mapping('A') }));
  assert.deepEqual(
    plan.changes.map((change) => change.action),
    ['replace'],
  );
});

test('what may wait keeps its commands and still gets its mapping', () => {
  const old = registered('A', { options: { ...OPTIONS, lookup: 'psi lookup of an earlier version' } });
  const there = (held: Readonly<Record<string, Mapping>>) => actual([old], held);
  const kept = planSecrets('myapp', [desired('A')], OPTIONS, there({ 'id-A': mapping('A') }), 'later');
  assert.deepEqual([kept.changes, kept.kept, kept.later, kept.usable.length], [[], 1, 1, 1]);
  for (const held of [{}, { 'id-A': mapping('A', '/before') }]) {
    const plan = planSecrets('myapp', [desired('A')], OPTIONS, there(held), 'later');
    assert.deepEqual([plan.changes.map(({ action }) => action), plan.later], [['remap'], 1]);
  }
});

test('commands that would get no answer do not wait', () => {
  const now = { ...OPTIONS, delete: 'curl --unix-socket /run/psi/psi.sock x' };
  for (const frozen of [
    { ...now, delete: 'curl --unix-socket /run/other.sock x' },
    { ...now, delete: 'curl -H @/var/lib/psi/driver.hdr --unix-socket /run/psi/psi.sock x' },
  ]) {
    const there = actual([registered('A', { options: frozen })], { 'id-A': mapping('A') });
    const plan = planSecrets('myapp', [desired('A')], now, there, 'later');
    assert.deepEqual([plan.changes.map(({ action }) => action), plan.later], [['replace'], 0]);
  }
});

test('names orphans and changes nothing about them', () => {
  const there = actual([registered('A'), registered('B')], { 'id-A': mapping('A'), 'id-B': mapping('B') });
  const plan = planSecrets('myapp', [desired('A')], OPTIONS, there);
  assert.deepEqual([plan.changes, plan.orphans], [[], [{ name: 'myapp--B', id: 'id-B' }]]);
});

for (const [what, secret] of [
  ['a file secret', registered('A', { driver: 'file', options: { path: '/x' } })],
  ["another program's shell secret", registered('A', { options: { ...OPTIONS, lookup: 'vault read' } })],
] as const) {
  test(`does not touch ${what} of the wanted name, and the drop-in does not name it`, () => {
    const plan = planSecrets('myapp', [desired('A')], OPTIONS, actual([secret], {}));
    assert.deepEqual([plan.changes, plan.usable, plan.problems.map((problem) => problem.name)], [[], [], ['myapp--A']]);
  });
}

test('a plan that was carried out plans nothing more', () => {
  const keys = fc.uniqueArray(fc.stringMatching(/^[A-Z]{1,3}$/), { maxLength: 12 });
  fc.assert(
    fc.property(keys, keys, (wanted, present) => {
      const secrets = new Map(present.map((key) => [`myapp--${key}`, registered(key)]));
      const mappings: Record<string, Mapping> = Object.fromEntries(
        present.map((key) => [`id-${key}`, mapping(key, '/old')]),
      );
      const there: Actual = { ...actual([], {}), registered: secrets, mappingOf: (id) => mappings[id] };
      for (const change of planSecrets(
        'myapp',
        wanted.map((key) => desired(key)),
        OPTIONS,
        there,
      ).changes) {
        if (change.action === 'create') {
          const id = `new-${change.name}`;
          secrets.set(change.name, { ...registered('x'), id, name: change.name });
          mappings[id] = change.mapping;
        } else if (change.action === 'remap') mappings[change.id] = change.mapping;
      }
      const again = planSecrets(
        'myapp',
        wanted.map((key) => desired(key)),
        OPTIONS,
        there,
      );
      assert.deepEqual([again.changes, again.kept], [[], wanted.length]);
    }),
  );
});

test('writes a drop-in only when its text or its name differs', () => {
  const current = { text: 'text', misplaced: false };
  assert.deepEqual(planDropIn('myapp', 'myapp.container', 'text', current), []);
  assert.equal(planDropIn('myapp', 'myapp.container', 'text', { ...current, misplaced: true }).length, 1);
  assert.equal(planDropIn('myapp', 'myapp.container', 'text', undefined).length, 1);
});

test('knows the drop-ins of units that no workload has any more', () => {
  assert.deepEqual(unclaimed(['b.container', 'a.container'], new Set(['a.container'])), ['b.container']);
});
