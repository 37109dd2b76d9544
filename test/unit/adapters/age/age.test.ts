import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { generateHybridIdentity, generateX25519Identity, identityToRecipient } from 'age-encryption';

import { AgeRecipient, unwrapEachWithIdentities, unwrapWithIdentities } from '../../../../src/adapters/age/age.ts';
import { readIdentities } from '../../../../src/adapters/age/identity-file.ts';
import { PsiError } from '../../../../src/core/error.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';
import vectors from '../../../../docs/cache-format.vectors.json' with { type: 'json' };

const DATA_KEY = Uint8Array.from({ length: 32 }, (_, at) => at);
const hex = (value: SecretValue | undefined): string => Buffer.from(value?.expose() ?? []).toString('hex');
const text = (value: string): SecretValue => SecretValue.fromText(value);

async function pair(): Promise<{ readonly identity: string; readonly recipient: string }> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

test('what is sealed for a recovery key its private half opens, and no other', async () => {
  const [mine, other] = [await pair(), await pair()];
  const dataKey = new SecretValue(Uint8Array.from(DATA_KEY));
  const wrapping = new AgeRecipient(mine.recipient).wrap(dataKey);
  // The caller may wipe its own meanwhile.
  dataKey.expose().fill(0);
  const wrapped = await wrapping;
  assert.equal(wrapped.length, 232);
  assert.equal(
    hex(await unwrapWithIdentities([text(other.identity), text(mine.identity)], [wrapped])),
    Buffer.from(DATA_KEY).toString('hex'),
  );
  assert.equal(await unwrapWithIdentities([text(other.identity)], [wrapped]), undefined);
});

test('a thread that does not answer in time is ended, and waiting may help', async () => {
  const { recipient } = await pair();
  await assert.rejects(new AgeRecipient(recipient, { timeoutMs: 0 }).wrap(new SecretValue(DATA_KEY)), {
    code: 'KEY_UNAVAILABLE',
    retry: 'later',
    details: { reason: 'timeout' },
  });
});

test('nobody waits for the package: the event loop goes on while it is loaded and used', async () => {
  const { recipient } = await pair();
  const done = new AbortController();
  const wrapping = new AgeRecipient(recipient).wrap(new SecretValue(DATA_KEY)).finally(() => {
    done.abort();
  });
  let turns = 0;
  for (; !done.signal.aborted; turns += 1) await nextTurn();
  await wrapping;
  assert.ok(turns > 100, String(turns));
});

test('the first key that fits is opened, of several', async () => {
  const [mine, other] = [await pair(), await pair()];
  const wrapped = await Promise.all(
    [other, mine].map(({ recipient }) => new AgeRecipient(recipient).wrap(new SecretValue(DATA_KEY))),
  );
  assert.equal(hex(await unwrapWithIdentities([text(mine.identity)], wrapped)), Buffer.from(DATA_KEY).toString('hex'));
  assert.equal(
    await unwrapWithIdentities([text(mine.identity)], [wrapped[0] ?? new Uint8Array(0), new Uint8Array(9)]),
    undefined,
  );
});

test('the published vectors open with their identities', async () => {
  let opened = 0;
  for (const { stanzas, dataKey, identity } of vectors.vectors) {
    const wrapped = stanzas
      .filter(({ kind }) => kind === 'recovery')
      .map(({ wrappedKey }) => Buffer.from(wrappedKey, 'hex'));
    if (identity === undefined) continue;
    opened += 1;
    assert.equal(hex(await unwrapWithIdentities([text(identity)], wrapped)), dataKey);
  }
  assert.ok(opened >= 2);
});

test('takes keys of 32 bytes only, and names a recipient that nothing can be sealed for', async () => {
  const { recipient } = await pair();
  await assert.rejects(new AgeRecipient(recipient).wrap(text('short')), { code: 'INTERNAL' });
  await assert.rejects(new AgeRecipient('age1nothing').wrap(new SecretValue(DATA_KEY)), {
    code: 'KEY_UNAVAILABLE',
    message: 'nothing can be sealed for the recovery key age1nothing',
    hint: /age-keygen/,
  });
});

async function identitiesFrom(t: TestContext, content: string): Promise<readonly string[]> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-age-'));
  t.after(() => rm(dir, { recursive: true }));
  await writeFile(join(dir, 'key'), content);
  const nothing = Readable.from([]);
  return (await readIdentities(join(dir, 'key'), nothing)).map((value) => value.exposeText());
}

test('identities come from what age-keygen wrote, remarks and empty lines left out', async (t) => {
  const [one, two] = [await pair(), await pair()];
  const written = `# created: 2026-11-27\n# public key: ${one.recipient}\n${one.identity}\n\r\n  ${two.identity}  \r\n`;
  assert.deepEqual(await identitiesFrom(t, written), [one.identity, two.identity]);
  const piped = await readIdentities(
    '-',
    Readable.from([Buffer.from(written.slice(0, 50)), Buffer.from(written.slice(50))]),
  );
  assert.equal(piped.length, 2);
});

test('what is no private key is refused by its line, with what to give instead, and is quoted nowhere', async (t) => {
  const { identity } = await pair();
  const cases: readonly (readonly [string, RegExp, RegExp])[] = [
    ['', /holds no private key of age/, /age-keygen/],
    ['# a remark alone\n', /holds no private key of age/, /age-keygen/],
    [`${identity}\ncanary-line\n`, /line 2 of .* is no private key of age/, /age-keygen/],
    [await generateHybridIdentity(), /line 1 of .* is no private key of age/, /post-quantum/],
    ['age-encryption.org/v1\n-> scrypt canary\n', /is an encrypted file of age itself/, /age --decrypt/],
    ['-----BEGIN AGE ENCRYPTED FILE-----\n', /is an encrypted file of age itself/, /age --decrypt/],
    [`${identity}\n`.repeat(1000), /is too long for a file of keys/, /age-keygen/],
  ];
  for (const [content, message, hint] of cases) {
    const thrown: unknown = await identitiesFrom(t, content).catch((error: unknown) => error);
    assert.ok(thrown instanceof PsiError);
    assert.equal(thrown.code, 'BAD_REQUEST');
    assert.match(thrown.message, message);
    assert.match(String(thrown.hint), hint);
    assert.doesNotMatch(thrown.message + String(thrown.hint), /canary|SECRET-KEY-1[^…]/);
  }
  await assert.rejects(readIdentities('-', Readable.from([])), {
    message: 'stdin holds no private key of age',
    hint: /-i/,
  });
  await assert.rejects(readIdentities('/nowhere/key', Readable.from([])), {
    code: 'HOST',
    hint: /only mounted folders/,
  });
});

test('a private key is not asked for at a terminal, which would show it', async () => {
  const { identity } = await pair();
  const typed = Object.assign(Readable.from([Buffer.from(identity)]), { isTTY: true });
  await assert.rejects(readIdentities('-', typed), {
    code: 'BAD_REQUEST',
    message: 'the private key would be shown as it is typed',
    hint: /psi cache recover --identity - < KEY_FILE/,
  });
});

test('many files are opened with one unwrapping for each key, and each has a copy of its own to wipe', async () => {
  const [one, other] = [await pair(), await pair()];
  const wrapped = await new AgeRecipient(one.recipient).wrap(new SecretValue(DATA_KEY));
  const foreign = await new AgeRecipient(other.recipient).wrap(new SecretValue(DATA_KEY));
  const files = [[wrapped], [foreign], [foreign, wrapped], [wrapped]];
  const opened = await unwrapEachWithIdentities([text(one.identity)], files);
  assert.deepEqual(
    opened.map((key) => key && [...key.expose()]),
    [[...DATA_KEY], undefined, [...DATA_KEY], [...DATA_KEY]],
  );
  opened[0]?.expose().fill(0);
  assert.deepEqual([...(opened[3]?.expose() ?? [])], [...DATA_KEY]);
});

test('a private key with a mistyped character is refused without its text, in the cause too', async () => {
  const { identity, recipient } = await pair();
  const wrapped = await new AgeRecipient(recipient).wrap(new SecretValue(DATA_KEY));
  const mistyped = identity.slice(0, -1) + (identity.endsWith('Q') ? 'P' : 'Q');
  const thrown: unknown = await unwrapWithIdentities([text(mistyped)], [wrapped]).catch((error: unknown) => error);
  assert.ok(thrown instanceof PsiError);
  assert.match(thrown.message, /checksum is wrong/);
  assert.equal(thrown.cause, undefined);
  assert.doesNotMatch(`${thrown.message} ${String(thrown.hint)} ${String(thrown.stack)}`, /SECRET-KEY-1/);
});
