import assert from 'node:assert/strict';
import { test } from 'node:test';

import { secretId } from '../../../src/core/naming.ts';
import { PsiError } from '../../../src/core/error.ts';
import { createLog, faceErrors, type Log } from '../../../src/service/log.ts';
import { readMappings } from '../../../src/service/mappings.ts';
import { MappingTable } from '../../../src/lookup/mapping-table.ts';
import { FakeMappingStore } from '../../fakes/mapping-store.fake.ts';
import { FakeNameStore } from '../../fakes/name-store.fake.ts';

function collected(): { readonly log: Log; readonly lines: Readonly<Record<string, unknown>>[] } {
  const lines: Readonly<Record<string, unknown>>[] = [];
  const log = createLog('debug', {
    write: (line) => void lines.push(JSON.parse(line) as Readonly<Record<string, unknown>>),
  });
  return { log, lines };
}

test('an error of PSI itself is logged with its route; one of the request is for whoever asked', () => {
  const { log, lines } = collected();
  const onError = faceErrors(log);
  onError(new PsiError('NOT_FOUND', 'no such route'), 'GET /x');
  assert.deepEqual(lines, []);
  onError(new PsiError('INTERNAL', 'this cannot be', { cause: new Error('it was') }), 'GET /lookup');
  assert.equal(lines[0]?.['level'], 'error');
  assert.equal(lines[0]['route'], 'GET /lookup');
  assert.match(String(lines[0]['stack']), /it was/);
});

test('the log names the files that hold no mapping, and the service starts without them', async () => {
  const store = new FakeMappingStore();
  store.files.set(secretId('id1'), { provider: 'infisical', project: 'p', path: '/', key: 'A' });
  store.foreign.add('id2');
  const { log, lines } = collected();
  const read = async (files: FakeMappingStore): Promise<MappingTable> => {
    const begun = await MappingTable.begin(files, new FakeNameStore());
    await readMappings(begun, { clock: { sleep: () => Promise.resolve() }, log });
    return begun;
  };
  const table = await read(store);
  assert.deepEqual([table.size, lines[0]?.['level'], lines[0]?.['secret']], [1, 'warn', 'id2']);
  assert.equal(lines[0]?.['message'], 'the file holds no mapping');
  await read(new FakeMappingStore());
  assert.equal(lines.length, 1);
});

test('a line of the log shows what a name of somebody else holds, and says the same', () => {
  const written: string[] = [];
  const log = createLog('info', { write: (line) => void written.push(line) });
  const name = 'A\u202eB\u007f\u0085\u2028\u200b';
  log.warn({ name }, `look at ${name}`);
  const [line = ''] = written;
  assert.match(line, /"name":"A\\u202eB\\u007f\\u0085\\u2028\\u200b"/);
  assert.match(line, /^[\x20-\x7e]+\n$/);
  assert.equal((JSON.parse(line) as { readonly name: string }).name, name);
});
