// What a response code means depends on the step it came from: the codes seen on real and software TPMs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TpmError } from 'node-tpm2-tss';
import { classify, fromFailure } from '../lib/error.js';

const CASES: readonly (readonly [string, number, TpmError['kind']])[] = [
  ['Unseal', 0x99d, 'policy'],
  ['Unseal', 0x128, 'pcr-unstable'],
  ['Unseal', 0x9a2, 'auth'],
  ['Unseal', 0x98e, 'auth'],
  ['Unseal', 0x921, 'lockout'],
  ['CreatePrimary', 0x9a2, 'owner-auth'],
  ['Load', 0x1df, 'damaged'],
  ['Load', 0x1d5, 'damaged'],
  ['Load', 0x9a2, 'owner-auth'],
  ['Create', 0x9a2, 'owner-auth'],
  ['Load', 0x921, 'lockout'],
  ['Unmarshal', 0x90006, 'damaged'],
  ['Unmarshal', 0x90005, 'damaged'],
  ['Connect', 0xa000a, 'absent'],
  ['Connect', 0xa0015, 'tcti'],
  ['Load', 0xa000a, 'absent'],
  ['Load', 0x902, 'busy'],
  ['CreatePrimary', 0x902, 'busy'],
  ['StartAuthSession', 0x903, 'busy'],
  ['Unseal', 0x908, 'busy'],
  ['Unseal', 0x922, 'busy'],
  ['Unseal', 0x923, 'busy'],
  ['CreatePrimary', 0x100, 'not-started'],
  ['CreatePrimary', 0x101, 'failed'],
  ['StorageKeyName', 0, 'other-tpm'],
  ['Create', 0x1c4, 'unexpected'],
  ['Create', 0x70001, 'unexpected'],
];

for (const [step, code, kind] of CASES) {
  test(`0x${code.toString(16)} in ${step} is ${kind}`, () => {
    assert.equal(classify(step, code), kind);
  });
}

test('a failure keeps its step, code, decoded text and layer', () => {
  const error = fromFailure({ step: 'Create', code: 0x1c4, text: 'tpm:parameter(1):value is out of range' });
  assert.equal(error.step, 'Create');
  assert.equal(error.code, 0x1c4);
  assert.equal(error.layer, 'tpm');
  assert.match(error.message, /refused Create .*value is out of range, 0x1c4/);
});

test('a wrong auth value is never retryable, a full TPM is', () => {
  assert.equal(fromFailure({ step: 'Unseal', code: 0x98e, text: '' }).retryable, false);
  assert.equal(fromFailure({ step: 'Load', code: 0x902, text: '' }).retryable, true);
});
