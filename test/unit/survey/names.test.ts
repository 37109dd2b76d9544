// Which name each secret of a workload gets with Podman: what is registered keeps its own, and no two have the same.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { claimOf, type KeyUses, type SecretSpec, type SecretUse, type Workload } from '../../../src/core/workload.ts';
import type { ListedSecret } from '../../../src/provider/secret-source.ts';
import { HeldNames, type RegisteredKey } from '../../../src/survey/registered-keys.ts';
import { mergeSelections, select, type DesiredSecret } from '../../../src/survey/selection.ts';
import { fetched } from '../../fakes/fetched.ts';

const FOLDER: SecretSpec = {
  project: 'p',
  path: '/a',
  recursive: false,
  include: [],
  exclude: [],
  prefix: '',
  as: 'env',
  mode: undefined,
  allowEmpty: false,
};

function uses(...targets: readonly string[]): readonly SecretUse[] {
  return targets.map((target) => ({ kind: target.startsWith('/') ? 'mount' : 'env', target }));
}

/** A source with `keys`, from key → targets. */
function entries(path: string, keys: Readonly<Record<string, readonly string[]>>): SecretSpec {
  const list: readonly KeyUses[] = Object.entries(keys).map(([key, targets]) => ({ key, uses: uses(...targets) }));
  return { ...FOLDER, path, keys: list };
}

function workload(...secrets: readonly SecretSpec[]): Workload {
  return { name: 'w', provider: 'infisical', unit: 'w.container', dependsOn: [], secrets };
}

type Folders = Readonly<Record<string, readonly string[]>>;

function merged(of: Workload, folders: Folders, registered: readonly RegisteredKey[] = []) {
  const held = new HeldNames(of, registered);
  const selections = of.secrets.map((spec) => {
    const listed = (folders[spec.path] ?? []).map((key): ListedSecret => ({
      key,
      path: spec.path,
      fetched: fetched('v'),
    }));
    return select(of, spec, listed, held);
  });
  return mergeSelections(of, selections, held);
}

function lines(secrets: readonly DesiredSecret[]): readonly string[] {
  return secrets.map(({ name, target, mapping }) => `${name} ${mapping.path}/${mapping.key} ${target}`);
}

function kept(secrets: readonly DesiredSecret[]): readonly RegisteredKey[] {
  return secrets.map(({ name, mapping }) => ({ name, mapping }));
}

const AB: Folders = { '/a': ['K', 'tls.key', 'odd key'], '/b': ['K', 'tls.key'] };

test('a new secret is named by its first variable, a file by its key', () => {
  const { secrets } = merged(workload(entries('/a', { K: ['X', 'Y'], 'tls.key': ['/etc/k'] })), AB);
  assert.deepEqual(lines(secrets), ['w--X /a/K X', 'w--X /a/K Y', 'w--tls.key /a/tls.key /etc/k']);
});

test('one key of two folders is two secrets, as variables and as files', () => {
  const of = workload(
    entries('/a', { K: ['DB'], 'tls.key': ['/etc/a'] }),
    entries('/b', { K: ['CACHE'], 'tls.key': ['/etc/b'] }),
  );
  assert.deepEqual(lines(merged(of, AB).secrets), [
    'w--CACHE /b/K CACHE',
    'w--DB /a/K DB',
    'w--tls.key /a/tls.key /etc/a',
    'w--tls.key-2 /b/tls.key /etc/b',
  ]);
});

test('a key that no unit file could name is named by what it becomes', () => {
  const of = workload(entries('/a', { 'odd key': ['ODD'] }));
  assert.deepEqual(lines(merged(of, AB).secrets), ['w--ODD /a/odd key ODD']);
  const asFile = workload(entries('/a', { 'odd key': ['/etc/odd'] }));
  assert.deepEqual(lines(merged(asFile, AB).secrets), ['w--odd_key /a/odd key /etc/odd']);
});

test('what is registered keeps its name when keys come, change their order and go', () => {
  const folder = merged(workload(FOLDER), { '/a': ['K'] }).secrets;
  assert.deepEqual(lines(folder), ['w--K /a/K K']);
  const renamed = merged(workload(entries('/a', { K: ['X', 'Y'] })), AB, kept(folder)).secrets;
  assert.deepEqual(lines(renamed), ['w--K /a/K X', 'w--K /a/K Y']);
  const turned = merged(workload(entries('/a', { K: ['Y', 'X'] })), AB, kept(renamed)).secrets;
  assert.deepEqual(lines(turned), ['w--K /a/K Y', 'w--K /a/K X']);

  const fresh = merged(workload(entries('/a', { K: ['X'] })), AB).secrets;
  assert.deepEqual(lines(fresh), ['w--X /a/K X']);
  assert.deepEqual(lines(merged(workload(FOLDER), { '/a': ['K'] }, kept(fresh)).secrets), ['w--X /a/K K']);
});

test('two secrets that change their variables keep their names, and a third gets one of its own', () => {
  const before = merged(workload(entries('/a', { K: ['X'] }), entries('/b', { K: ['Y'] })), AB).secrets;
  const after = merged(workload(entries('/a', { K: ['Y'] }), entries('/b', { K: ['Z'], 'tls.key': ['X'] })), AB, [
    ...kept(before),
  ]);
  assert.deepEqual(lines(after.secrets), ['w--X /a/K Y', 'w--Y /b/K Z', 'w--tls.key /b/tls.key X']);
});

test('a name that a secret has which cannot be read just now is given to no other', () => {
  const of = workload(entries('/a', { K: ['Y'] }), entries('/b', { K: ['X'] }));
  const had: RegisteredKey = {
    name: 'w--X',
    mapping: { provider: 'infisical', project: 'p', path: '/a', key: 'K' },
  };
  assert.deepEqual(lines(merged(of, { '/b': ['K'] }, [had]).secrets), ['w--K /b/K X']);
});

test('an entry wins over a source without keys on one variable or file, whatever the order, and it is said', () => {
  for (const order of [0, 1]) {
    const both = [FOLDER, entries('/b', { K: ['K'], 'tls.key': ['OTHER'] })];
    const { secrets, overridden } = merged(workload(...(order === 0 ? both : both.toReversed())), {
      ...AB,
      '/a': ['K', 'L'],
    });
    assert.deepEqual(lines(secrets), ['w--K /b/K K', 'w--L /a/L L', 'w--OTHER /b/tls.key OTHER']);
    assert.deepEqual(overridden, [{ workload: 'w', name: 'w--K', by: 'p:/b', entry: true }]);
  }
  const files = workload({ ...FOLDER, as: 'mount' }, entries('/b', { K: ['/run/secrets/tls.key'] }));
  assert.deepEqual(lines(merged(files, { '/a': ['tls.key'], '/b': ['K'] }).secrets), [
    'w--K /b/K /run/secrets/tls.key',
  ]);
});

test('of sources without keys the later wins as ever, and a moved folder takes the name along', () => {
  const { secrets } = merged(workload(FOLDER, { ...FOLDER, path: '/b' }), { '/a': ['K'], '/b': ['K'] }, [
    { name: 'w--K', mapping: { provider: 'infisical', project: 'p', path: '/a', key: 'K' } },
  ]);
  assert.deepEqual(lines(secrets), ['w--K /b/K K']);
});

// Whatever configs follow each other: names are unique for each place and key, no claim is made twice, and who stays keeps the name.
test('through any row of configs a name means one place and key', () => {
  const key = fc.constantFrom('A', 'B', 'C');
  const target = fc.constantFrom('A', 'B', 'C', 'D', '/f', '/g');
  const source = fc.oneof(
    fc.record({ path: fc.constantFrom('/a', '/b'), prefix: fc.constantFrom('', 'P_') }).map((over) => {
      return { ...FOLDER, ...over };
    }),
    fc
      .tuple(fc.constantFrom('/a', '/b'), fc.dictionary(key, fc.uniqueArray(target, { minLength: 1, maxLength: 2 })))
      .map(([path, keys]) => entries(path, keys)),
  );
  const withoutClash = (specs: readonly SecretSpec[]): boolean => {
    const claims = specs.flatMap(({ keys = [] }) => keys.flatMap((one) => one.uses.map(claimOf)));
    return new Set(claims).size === claims.length;
  };
  const config = fc.array(source, { maxLength: 3 }).filter(withoutClash);
  const folders = fc.record({ '/a': fc.uniqueArray(key), '/b': fc.uniqueArray(key) });
  fc.assert(
    fc.property(fc.array(fc.tuple(config, folders), { minLength: 2, maxLength: 4 }), (steps) => {
      let had: readonly RegisteredKey[] = [];
      for (const [specs, there] of steps) {
        const { secrets } = merged(workload(...specs), there, had);
        const slots = Map.groupBy(secrets, ({ name }) => name);
        for (const [name, some] of slots) {
          assert.equal(new Set(some.map(({ mapping }) => JSON.stringify(mapping))).size, 1, name);
        }
        const before = Map.groupBy(had, ({ mapping }) => JSON.stringify(mapping));
        for (const [place, some] of Map.groupBy(secrets, ({ mapping }) => JSON.stringify(mapping))) {
          const names = before.get(place)?.map(({ name }) => name);
          assert.ok(names === undefined || some.some(({ name }) => names.includes(name)), place);
        }
        const claims = secrets.map(claimOf);
        assert.equal(new Set(claims).size, claims.length);
        const again = merged(workload(...specs), there, kept(secrets)).secrets;
        assert.deepEqual(lines(again), lines(secrets));
        had = kept(secrets);
      }
    }),
  );
});
