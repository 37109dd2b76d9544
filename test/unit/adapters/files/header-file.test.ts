import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { DriverHeaderFile } from '../../../../src/adapters/files/header-file.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';
import { headerFileContract } from '../../../contract/header-file.contract.ts';
import { FakeHeaderFile } from '../../../fakes/header-file.fake.ts';

describe('driver header file', () => {
  let base: string;
  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'psi-header-'));
  });
  after(() => rm(base, { recursive: true }));
  const path = async () => join(await mkdtemp(join(base, 'state-')), 'driver.hdr');

  headerFileContract('the fake', () => Promise.resolve(new FakeHeaderFile()));
  headerFileContract('the file', async () => new DriverHeaderFile({ path: await path() }));

  it('is one header line for curl, readable by its owner alone', async () => {
    const file = await path();
    await new DriverHeaderFile({ path: file }).write(SecretValue.fromText('s3cret/+='));
    assert.equal(await readFile(file, 'utf8'), 'Authorization: Bearer s3cret/+=\n');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });

  it('does not hold the token when the file says more than that', async () => {
    const file = await path();
    await writeFile(file, 'Authorization: Bearer a\nX-Other: b\n');
    assert.equal(await new DriverHeaderFile({ path: file }).holds(SecretValue.fromText('a')), false);
  });

  it('never shows the token in an error', async () => {
    const header = new DriverHeaderFile({ path: await path() });
    await assert.rejects(
      header.write(SecretValue.fromText('canary\nvalue')),
      (error: Error) => !/canary/.test(JSON.stringify(error) + error.message + String(error.stack)),
    );
  });
});
