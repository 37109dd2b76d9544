import assert from 'node:assert/strict';
import { chmod, mkdtemp, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { LastGoodFile } from '../../../../src/adapters/files/last-good-file.ts';
import { lastGoodContract } from '../../../contract/last-good.contract.ts';
import { FakeLastGood } from '../../../fakes/last-good.fake.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the file with the last good config', () => {
  let base: string;
  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'psi-last-good-'));
  });
  after(() => rm(base, { recursive: true }));
  const make = async () => new LastGoodFile({ stateDir: join(await mkdtemp(join(base, 'state-')), 'state') });

  lastGoodContract('the fake', () => Promise.resolve(new FakeLastGood()));
  lastGoodContract('the file', make);

  it('is for its owner alone, also where somebody has opened it', async () => {
    const file = await make();
    await file.keep(bytes('a: 1\n'));
    await chmod(file.path, 0o644);
    await file.keep(bytes('a: 1\n'));
    assert.equal((await stat(file.path)).mode & 0o777, 0o600);
  });

  it('keeps none that is too large, and not the one of before either', async () => {
    const file = await make();
    await file.keep(bytes('secret: canary\n'));
    await assert.rejects(file.keep(new Uint8Array(1_048_577)), { code: 'HOST', message: /1048577 bytes/ });
    assert.deepEqual(await readdir(join(file.path, '..')), []);
  });

  it('reads no link, no folder and no file that psi would not have written, and puts its own in the place of the link', async () => {
    const file = await make();
    const dir = join(file.path, '..');
    await mkdir(dir);
    const elsewhere = join(dir, 'elsewhere');
    await writeFile(elsewhere, 'b: 2\n');
    await symlink(elsewhere, file.path);
    await assert.rejects(file.read(), { code: 'HOST', message: /no file that psi wrote/ });
    await file.keep(bytes('a: 1\n'));
    assert.deepEqual([await readFile(file.path, 'utf8'), await readFile(elsewhere, 'utf8')], ['a: 1\n', 'b: 2\n']);
    await writeFile(file.path, new Uint8Array(1_048_577));
    await assert.rejects(file.read(), { code: 'HOST' });
    await rm(file.path);
    await mkdir(file.path);
    await assert.rejects(file.read(), { code: 'HOST' });
    await assert.rejects(file.keep(bytes('a: 1\n')), { code: 'HOST', message: /cannot keep the last good config/ });
  });
});
