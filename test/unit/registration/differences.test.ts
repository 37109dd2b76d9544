import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differences } from '../../../src/registration/driver-command/differences.ts';
import { driverOptions } from '../../../src/registration/driver-command/options.ts';
import { INPUT, OPTIONS } from './setup-stage.ts';

test('says what the commands of now have otherwise', () => {
  const header = driverOptions({ ...INPUT, headerFile: '/var/lib/psi/driver.hdr' });
  const other = driverOptions({ ...INPUT, socket: '/run/other.sock', maxTimeSeconds: 40 });
  assert.equal(differences(driverOptions({ ...INPUT, maxTimeSeconds: 25 }), OPTIONS), 'they wait 25 s, and waited 20');
  assert.equal(differences(other, OPTIONS), 'they ask at /run/other.sock, they wait 40 s, and waited 20');
  assert.equal(differences(header, OPTIONS), 'they send the socket token');
  assert.equal(differences(OPTIONS, header), 'they send no socket token');
  const older = { ...OPTIONS, store: OPTIONS.store.replace(/x-psi-command: \d+/, 'x-psi-command: 1') };
  assert.equal(differences(OPTIONS, older), 'they are those of another version of psi');
  assert.equal(differences(OPTIONS, { ...OPTIONS, list: 'other' }), 'their text is another one');
});

test('of the commands of before the mark, and of none at all, it says that they are of another version', () => {
  const python = { store: 'curl --unix-socket /run/psi/psi.sock http://localhost/store/$SECRET_ID' };
  for (const frozen of [python, {}]) assert.match(differences(OPTIONS, frozen), /another version of psi/);
});
