import assert from 'node:assert/strict';
import { test } from 'node:test';

import { publicKeyPath } from '../../../../src/adapters/hsm/public-key-file.ts';

const TOKEN = { label: 'psi', serial: undefined, slot: undefined };
const KEY = { label: 'psi', id: undefined };

test('each token and each key has a file of its own, and the same one after an update of psi', () => {
  const path = publicKeyPath('/var/lib/psi', { token: TOKEN, key: KEY });
  assert.equal(path, '/var/lib/psi/hsm-key.64f1b07814fe.pem');
  assert.notEqual(publicKeyPath('/var/lib/psi', { token: { ...TOKEN, label: 'other' }, key: KEY }), path);
  assert.notEqual(publicKeyPath('/var/lib/psi', { token: TOKEN, key: { ...KEY, id: '01' } }), path);
});
