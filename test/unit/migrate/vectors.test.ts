// Files that the Python PSI itself wrote, recognised. How they were made: each by its own code at f9e9d6e, tpm-v1.enc by that of ae2c0e3.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { headOf } from '../../../src/adapters/files/host-move.ts';
import { look } from '../../../src/migrate/look.ts';
import { oldMapping } from '../../../src/migrate/old-secrets.ts';
import { OldHost } from './old-host.ts';

const FOLDER = join(import.meta.dirname, '../../vectors/python-psi');

for (const [name, empty] of [
  ['tpm.enc', false],
  ['tpm-empty.enc', true],
  ['tpm-v1.enc', false],
  ['hsm.enc', false],
] as const) {
  test(`its cache: ${name}`, async () => {
    const host = new OldHost();
    const facts = await look({ ...host.deps(), head: (_, bytes) => headOf(join(FOLDER, 'cache', name), bytes) });
    assert.deepEqual(facts.state.cache, { path: '/var/lib/psi/cache.enc', empty });
  });
}

test('a cache of this psi is none of its', async () => {
  const host = new OldHost();
  const start = Uint8Array.from([0x50, 0x53, 0x49, 0x43, 0, 2, 0]);
  const facts = await look({ ...host.deps(), head: () => Promise.resolve({ start, size: 142 }) });
  assert.equal(facts.state.cache, undefined);
});

for (const [folder, kind, count] of [
  ['mapping', 'infisical', 2],
  ['nitrokeyhsm', 'hsm', 6],
] as const) {
  test(`its mappings: ${kind}`, async () => {
    const names = (await readdir(join(FOLDER, folder))).filter((name) => name !== 'index.json');
    assert.equal(names.length, count);
    for (const name of names) assert.equal(oldMapping(await readFile(join(FOLDER, folder, name), 'utf8')), kind);
  });
}

test('its access tokens, by the names of their files', async () => {
  const host = new OldHost();
  const names = (await readdir(join(FOLDER, 'token'))).filter((name) => name.startsWith('.'));
  for (const name of names) host.put(`/var/lib/psi/${name}`, await readFile(join(FOLDER, 'token', name), 'utf8'));
  const { state } = await look(host.deps());
  assert.deepEqual(state.tokens.toSorted(), names.map((name) => `/var/lib/psi/${name}`).toSorted());
  assert.equal(names.length, 4);
});
