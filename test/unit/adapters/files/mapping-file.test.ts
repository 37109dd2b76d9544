import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { MappingFiles } from '../../../../src/adapters/files/mapping-file.ts';
import { encodeMapping } from '../../../../src/core/mapping.ts';
import { mappingStoreContract } from '../../../contract/mapping-store.contract.ts';
import { secretId, type SecretId } from '../../../../src/core/naming.ts';
import { FakeMappingStore, placed } from '../../../fakes/mapping-store.fake.ts';

const MAPPING = { provider: 'infisical', project: 'p', path: '/', key: 'KEY' };

describe('mapping files', () => {
  let base: string;
  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'psi-mappings-'));
  });
  after(() => rm(base, { recursive: true }));
  const folder = () => mkdtemp(join(base, 'state-'));

  mappingStoreContract('the fake', () => Promise.resolve(new FakeMappingStore()));
  mappingStoreContract('the folder', async () => new MappingFiles({ stateDir: await folder() }));

  it('keeps the public format, for its owner alone, and creates the state folder', async () => {
    const stateDir = join(await folder(), 'new');
    await new MappingFiles({ stateDir }).put(secretId('aa11'), MAPPING);
    const path = join(stateDir, 'aa11');
    assert.equal(await readFile(path, 'utf8'), '{"provider":"infisical","project":"p","path":"/","key":"KEY"}');
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(stateDir)).mode & 0o777, 0o700);
    assert.deepEqual(await readdir(stateDir), ['aa11']);
  });

  it('leaves the other files of the state folder alone and reports ids that hold no mapping', async () => {
    const stateDir = await folder();
    await mkdir(join(stateDir, 'tls'));
    const others = [
      '.token.abcdef012345.json',
      '.aa11.0123456789ab.tmp',
      'cache.enc',
      'cache.enc.bad',
      'driver.hdr',
      'bb22.bad',
    ];
    for (const name of others) await writeFile(join(stateDir, name), encodeMapping(MAPPING));
    await writeFile(join(stateDir, 'cc33'), 'not a mapping');
    await writeFile(join(stateDir, 'dd44'), Buffer.alloc(3_000_000, '{'));
    await writeFile(join(stateDir, 'ee55'), '');
    await writeFile(join(stateDir, 'aa11'), ` ${encodeMapping(MAPPING)}\n`);
    const { mappings, unusable } = await new MappingFiles({ stateDir }).loadAll();
    assert.deepEqual([...mappings.keys()], ['aa11']);
    assert.deepEqual([...unusable.keys()], ['cc33', 'dd44', 'ee55']);
    assert.equal(unusable.get(secretId('cc33'))?.message, `the file ${stateDir}/cc33 holds no mapping`);
    assert.equal((await readdir(stateDir)).length, others.length + 5);
  });

  it('reads 5,000 mappings', async () => {
    const stateDir = await folder();
    const ids = Array.from({ length: 5000 }, (_, at) => at.toString(16).padStart(25, '0'));
    for (let at = 0; at < ids.length; at += 100) {
      const some = ids.slice(at, at + 100);
      await Promise.all(some.map((id) => writeFile(join(stateDir, id), encodeMapping({ ...MAPPING, key: id }))));
    }
    const { mappings, unusable } = await new MappingFiles({ stateDir }).loadAll();
    assert.equal(mappings.size, 5000);
    assert.equal(unusable.size, 0);
    assert.equal(placed(mappings.get(secretId(ids[4999] ?? '')))?.key, ids[4999]);
  });

  it('has no mappings when the state folder is missing', async () => {
    const { mappings } = await new MappingFiles({ stateDir: join(base, 'absent') }).loadAll();
    assert.equal(mappings.size, 0);
    await new MappingFiles({ stateDir: join(base, 'absent') }).remove(secretId('aa11'));
  });

  it('never makes a path of what is no id', async () => {
    const stateDir = await folder();
    const store = new MappingFiles({ stateDir });
    // As a caller would that the types do not hold back.
    for (const id of ['', '.', '..', '../x', 'a/b', 'a\0b', '.token', 'cache.enc', 'x'.repeat(10_000)] as SecretId[]) {
      await assert.rejects(store.put(id, MAPPING), { code: 'BAD_REQUEST' });
      await assert.rejects(store.remove(id), { code: 'BAD_REQUEST' });
    }
    assert.deepEqual(await readdir(stateDir), []);
  });

  it('says which file and why when the disk refuses', async () => {
    const stateDir = join(await folder(), 'file');
    await writeFile(stateDir, '');
    await assert.rejects(new MappingFiles({ stateDir }).put(secretId('aa11'), MAPPING), {
      code: 'HOST',
      message: `cannot write the mapping ${stateDir}/aa11: EEXIST`,
    });
    await assert.rejects(new MappingFiles({ stateDir }).loadAll(), { code: 'HOST' });
  });
});
