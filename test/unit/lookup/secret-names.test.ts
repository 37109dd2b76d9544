import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { NameFile } from '../../../src/adapters/files/name-file.ts';
import { secretId } from '../../../src/core/naming.ts';
import { MappingTable } from '../../../src/lookup/mapping-table.ts';
import { FakeMappingStore } from '../../fakes/mapping-store.fake.ts';
import { FakeNameStore } from '../../fakes/name-store.fake.ts';

const A = secretId('aaaaaaaaaaaaaaaaaaaaaaaaa');
const B = secretId('bbbbbbbbbbbbbbbbbbbbbbbbb');

async function stage(names = new FakeNameStore()) {
  const store = new FakeMappingStore();
  for (const [id, key] of [
    [A, 'DB_HOST'],
    [B, 'DB_PORT'],
  ] as const) {
    store.files.set(id, { provider: 'infisical', project: 'p', path: '/app', key });
  }
  const start = async (): Promise<MappingTable> => MappingTable.load(store, names);
  return { names, start, table: await start() };
}

test('an id is known by name and workload after a restart, without asking Podman', async () => {
  const { table, start } = await stage();
  table.learnNames([
    { id: A, name: 'worker@--DB_HOST' },
    { id: B, name: 'by-hand' },
  ]);
  await table.saveNames();
  const next = await start();
  assert.deepEqual([next.nameOf(A), next.workloadOf(A)], ['worker@--DB_HOST', 'worker@']);
  assert.deepEqual([next.nameOf(B), next.workloadOf(B)], ['by-hand', undefined]);
});

test('names of ids that are not registered are not kept, and nothing new is not written', async () => {
  const { table, names } = await stage();
  table.learnNames([
    { id: A, name: 'app--DB_HOST' },
    { id: 'ccccccccccccccccccccccccc', name: 'foreign' },
  ]);
  await table.saveNames();
  assert.deepEqual([...names.names.keys()], [A]);
  table.learnNames([{ id: A, name: 'app--DB_HOST' }]);
  await table.saveNames();
  assert.equal(names.saves, 1);
  await table.remove(A);
  await table.saveNames();
  assert.deepEqual([...names.names.keys()], []);
});

test('a save that failed is made up for by the next one', async () => {
  const { table, names } = await stage();
  table.learnNames([{ id: A, name: 'app--DB_HOST' }]);
  names.failing = true;
  await assert.rejects(table.saveNames(), { code: 'HOST' });
  names.failing = false;
  await table.saveNames();
  assert.deepEqual([...names.names.keys()], [A]);
});

test('finds all secrets of a workload, and those of no other one whose name begins alike', async () => {
  const { table } = await stage();
  table.learnNames([
    { id: A, name: 'app--DB_HOST' },
    { id: B, name: 'app-two--DB_PORT' },
  ]);
  assert.deepEqual(
    table.ofWorkload('app').map(({ key }) => key),
    ['DB_HOST'],
  );
  assert.deepEqual(table.ofWorkload(''), []);
});

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'psi-names-'));
});
after(() => rm(dir, { recursive: true, force: true }));

test('the file is for its owner alone, holds no value, and comes back as it was', async () => {
  const file = new NameFile({ stateDir: join(dir, 'state') });
  assert.equal((await file.load()).size, 0);
  await file.save(new Map([[A, { name: 'app--DB_HOST', workload: 'app' }]]));
  const path = join(dir, 'state', 'names.json');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal(
    await readFile(path, 'utf8'),
    `{"format":1,"secrets":{"${A}":{"name":"app--DB_HOST","workload":"app"}}}`,
  );
  assert.deepEqual([...(await file.load())], [[A, { name: 'app--DB_HOST', workload: 'app' }]]);
});

test('a damaged file and what is no id hold nothing, and stop nothing', async () => {
  const file = new NameFile({ stateDir: dir });
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"format":0,"secrets":{}}',
    '{"format":1}',
    `{"format":1,"secrets":{"../x":{"name":"n","workload":"w"},"${A}":{"name":1}}}`,
  ]) {
    await writeFile(join(dir, 'names.json'), text);
    assert.equal((await file.load()).size, 0, text);
  }
});
