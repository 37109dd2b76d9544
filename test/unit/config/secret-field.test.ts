import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Env } from '../../../src/config/surroundings.ts';
import type { SecretField } from '../../../src/core/secret-field.ts';
import { resolveSecret } from '../../../src/config/schema/secret-field.ts';
import { PsiError } from '../../../src/core/error.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { load } from './support.ts';

const FILES: Readonly<Record<string, string>> = {
  '/plain': 'abc',
  '/unix': 'abc\n',
  '/dos': 'abc\r\n',
  '/two': 'abc\n\n',
  '/empty': '',
  '/only-newline': '\n',
  '/creds/token': 'from systemd\n',
};

async function text(field: SecretField, env: Env = {}): Promise<string> {
  const readFile = (path: string): Promise<Uint8Array> => {
    const content = FILES[path];
    if (content === undefined) return Promise.reject(Object.assign(new Error(path), { code: 'ENOENT' }));
    return Promise.resolve(new TextEncoder().encode(content));
  };
  return (await resolveSecret(field, { readFile, env })).exposeText();
}

test('drops one line end at the end of a file and nothing else', async () => {
  assert.equal(await text({ kind: 'file', path: '/plain' }), 'abc');
  assert.equal(await text({ kind: 'file', path: '/unix' }), 'abc');
  assert.equal(await text({ kind: 'file', path: '/dos' }), 'abc');
  assert.equal(await text({ kind: 'file', path: '/two' }), 'abc\n');
});

test('reads text, variables and credentials', async () => {
  assert.equal(await text({ kind: 'text', value: SecretValue.fromText(' kept as it is\n') }), ' kept as it is\n');
  assert.equal(await text({ kind: 'env', name: 'TOKEN' }, { TOKEN: 'x' }), 'x');
  assert.equal(await text({ kind: 'credential', name: 'token' }, { CREDENTIALS_DIRECTORY: '/creds' }), 'from systemd');
});

test('takes a credential from the folder of its unit, else from that of psi.service', async () => {
  const token = { kind: 'credential', name: 'token' } as const;
  const both = { PSI_CREDENTIALS_DIRECTORY: '/decrypted', CREDENTIALS_DIRECTORY: '/creds' };
  assert.equal(await text(token, both), 'from systemd');
  assert.equal(
    await text(token, { ...both, PSI_CREDENTIALS_DIRECTORY: '/creds', CREDENTIALS_DIRECTORY: '/no' }),
    'from systemd',
  );
});

test('reads anew on each use', async () => {
  let count = 0;
  const readFile = (): Promise<Uint8Array> => Promise.resolve(Uint8Array.of(48 + (count += 1)));
  const field = { kind: 'file', path: '/t' } as const;
  assert.equal((await resolveSecret(field, { readFile, env: {} })).exposeText(), '1');
  assert.equal((await resolveSecret(field, { readFile, env: {} })).exposeText(), '2');
});

const FAILURES: readonly (readonly [string, SecretField, Env, RegExp, RegExp])[] = [
  ['a missing file', { kind: 'file', path: '/no' }, {}, /the file \/no does not exist/, /0600/],
  ['an empty file', { kind: 'file', path: '/empty' }, {}, /the file \/empty is empty/, /0600/],
  ['a file of one line end', { kind: 'file', path: '/only-newline' }, {}, /is empty/, /0600/],
  ['an unset variable', { kind: 'env', name: 'TOKEN' }, {}, /variable TOKEN is not set/, /Environment=/],
  ['an empty variable', { kind: 'env', name: 'TOKEN' }, { TOKEN: '' }, /variable TOKEN is not set/, /Environment=/],
  [
    'no credentials folder',
    { kind: 'credential', name: 'c' },
    {},
    /CREDENTIALS_DIRECTORY is not set/,
    /systemd-creds encrypt --name=c .*psi systemd install/,
  ],
  [
    'a missing credential',
    { kind: 'credential', name: 'c' },
    { CREDENTIALS_DIRECTORY: '/creds' },
    /credential c does not exist/,
    /systemd-creds encrypt --name=c/,
  ],
  [
    'a credential that its unit could not decrypt',
    { kind: 'credential', name: 'c' },
    { PSI_CREDENTIALS_DIRECTORY: '/decrypted' },
    /credential c does not exist/,
    /systemctl status psi-credential@c\.service.*systemctl restart psi-credential@c\.service/,
  ],
];

for (const [what, field, env, message, hint] of FAILURES) {
  test(`fails for ${what} and names what to do`, async () => {
    await assert.rejects(text(field, env), (error: unknown) => {
      assert.ok(error instanceof PsiError);
      assert.equal(error.code, 'CONFIG_INVALID');
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
      return true;
    });
  });
}

test('takes each way to write a secret field', async () => {
  const given = async (written: string): Promise<SecretField | undefined> =>
    (await load(`socket_token: ${written}`)).socketToken;
  assert.deepEqual(await given('{file: /a//b/}'), { kind: 'file', path: '/a/b' });
  assert.deepEqual(await given('{env: A_B}'), { kind: 'env', name: 'A_B' });
  assert.deepEqual(await given('{credential: psi-socket-token}'), { kind: 'credential', name: 'psi-socket-token' });
  const field = await given('"0123"');
  assert.ok(field?.kind === 'text');
  assert.equal(field.value.exposeText(), '0123');
});
