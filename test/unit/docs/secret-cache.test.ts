// docs/secret-cache.md names every error that the cache and its backends can give: whoever looks one up finds it.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { cacheDefect } from '../../../src/adapters/cache-file/defects.ts';
import { MEANINGS, meaningOf } from '../../../src/adapters/hsm/failure-words.ts';

const read = (path: string): Promise<string> => readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');
const page = await read('docs/secret-cache.md');

const DEFECTS = [
  'not-a-cache',
  'python-cache',
  'old-version',
  'future-version',
  'truncated',
  'trailing-bytes',
  'unknown-backend',
  'other-backend',
  'bad-header',
  'bad-stanzas',
  'mixed-files',
  'mixed-stanzas',
  'stanza-doubled',
  'stanza-missing',
  'stanzas-reordered',
  'key-damaged',
  'key-version',
  'header-altered',
  'content-altered',
  'bad-content',
] as const;

/** What changes from one error to the next stands as … in the page. */
const isNamed = (message: string): boolean => page.includes(message.replace(/ (?:1|\d+)$/, ' …'));

test('every defect of the file is in the troubleshooting', async () => {
  const format = await read('docs/cache-format.md');
  for (const defect of DEFECTS) {
    const words = cacheDefect(defect, '/path').message.replace('the cache /path ', '');
    assert.ok(isNamed(words), words);
  }
  const [, table = ''] = /^## What a wrong file is called$([^]*)/m.exec(format) ?? [];
  const listed = [...table.matchAll(/^\| `([a-z-]+)` +\|/gm)].map(([, name]) => name);
  assert.deepEqual(
    listed.filter((name) => name !== 'defect'),
    DEFECTS,
  );
});

test('every refusal of a token is in the troubleshooting', () => {
  const decrypt = ['CKR_ENCRYPTED_DATA_INVALID', 'CKR_ARGUMENTS_BAD'].map((why) =>
    meaningOf({ step: 'decrypt', why, seen: [] }),
  );
  const module = meaningOf({ step: 'module', why: '…', seen: [] });
  const crashed = meaningOf({ step: 'session', why: 'crashed', seen: [] });
  for (const { message } of [...Object.values(MEANINGS), ...decrypt, module, crashed]) {
    assert.ok(isNamed(message.replace(' (…)', '')), message);
  }
});

test('every failure of a TPM is in the troubleshooting', async () => {
  const source = await read('packages/node-tpm2-tss/lib/error.js');
  const [, block = ''] = /^const MESSAGES = \{\n([^]*?)^\};/m.exec(source) ?? [];
  const messages = [...block.matchAll(/^ {2}'?[\w-]+'?: '(.*)',$/gm)].map(([, message = '']) => message);
  assert.equal(messages.length, block.trim().split('\n').length);
  assert.ok(messages.length >= 16);
  for (const message of messages) assert.ok(isNamed(message), message);
});

test('whatever else a backend says of itself is there too', async () => {
  for (const [file, phrases] of [
    [
      'src/adapters/tpm/errors.ts',
      ['the TPM software stack cannot be loaded', 'the auth value of the TPM cannot be read', 'psi is stopping'],
    ],
    ['src/adapters/tpm/key-wrapper.ts', ['the TPM settings make no sense', 'was never extended']],
    [
      'src/adapters/credential/key-wrapper.ts',
      ['is another one than the cache was wrapped with', 'is not there', 'cannot be read (', 'psi is stopping'],
    ],
    ['src/adapters/hsm/errors.ts', ['did not answer within', 'psi is stopping']],
    ['src/adapters/hsm/pin.ts', ['the PIN of the HSM cannot be read']],
    ['src/adapters/hsm/preflight.ts', ['is not there or not readable']],
    ['src/config/cache-settings.ts', ['the config names no PKCS#11 module']],
    ['packages/node-tpm2-tss/lib/native.js', ['there is no such file', 'this user may not open it', 'nothing answers']],
    ['packages/node-tpm2-tss/lib/seal.js', ['this blob needs an auth value', 'changed since sealing']],
    ['packages/node-tpm2-tss/lib/inspect.js', ['is not allocated in this TPM']],
  ] as const) {
    const source = await read(file);
    for (const phrase of phrases) {
      assert.ok(source.includes(phrase), `${file} says no longer: ${phrase}`);
      assert.ok(page.includes(phrase), `the page lacks: ${phrase}`);
    }
  }
});
