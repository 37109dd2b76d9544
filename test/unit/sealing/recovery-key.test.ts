import assert from 'node:assert/strict';
import { test } from 'node:test';

import { generateHybridIdentity, generateX25519Identity, identityToRecipient } from 'age-encryption';

import { isPrivateKey, isRecoveryKey, RECOVERY_PATTERN } from '../../../src/sealing/recovery-key.ts';

test('takes what age makes, and no word of it with one character changed, taken out or put in', async () => {
  const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7lb1io';
  for (let round = 0; round < 5; round += 1) {
    const recipient = await identityToRecipient(await generateX25519Identity());
    assert.ok(isRecoveryKey(recipient), recipient);
    assert.match(recipient, new RegExp(RECOVERY_PATTERN));
    for (let at = 0; at < recipient.length; at += 1) {
      const [before, after] = [recipient.slice(0, at), recipient.slice(at + 1)];
      const other = alphabet[(alphabet.indexOf(recipient[at] ?? '') + 1 + (at % 30)) % alphabet.length] ?? '';
      for (const wrong of [before + other + after, before + after, `${before}${other}${recipient.slice(at)}`]) {
        assert.equal(isRecoveryKey(wrong), false, wrong);
      }
    }
  }
});

test('takes no other kind of key', async () => {
  const hybrid = await identityToRecipient(await generateHybridIdentity());
  const recipient = await identityToRecipient(await generateX25519Identity());
  for (const wrong of [
    '',
    'age1',
    hybrid,
    recipient.toUpperCase(),
    `${recipient} `,
    `${recipient}\n`,
    'ssh-ed25519 AAAA',
  ]) {
    assert.equal(isRecoveryKey(wrong), false, wrong);
  }
});

test('knows a private half, of whatever kind', async () => {
  assert.ok(isPrivateKey(await generateX25519Identity()));
  assert.ok(isPrivateKey(await generateHybridIdentity()));
  assert.ok(isPrivateKey(' age-secret-key-1abc'));
  assert.ok(isPrivateKey('AGE-PLUGIN-YUBIKEY-1ABC'));
  assert.equal(isPrivateKey(await identityToRecipient(await generateX25519Identity())), false);
});
