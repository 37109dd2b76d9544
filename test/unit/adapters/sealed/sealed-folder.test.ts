// Sealed values on disk: what is written, what opens it, and that nothing of them is lost on the way.

import assert from 'node:assert/strict';
import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { DataKeys } from '../../../../src/adapters/sealed/data-keys.ts';
import { keyProblem } from '../../../../src/adapters/sealed/defects.ts';
import { fileCalls } from '../../../../src/adapters/files/file-calls.ts';
import { PsiError } from '../../../../src/core/error.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';
import { MOST_VALUE_BYTES } from '../../../../src/sealed/sealed-files.ts';
import { FakeKeyWrapper } from '../../../fakes/key-wrapper.fake.ts';
import { sealedStage } from '../../../fakes/sealed-stage.ts';

const undo: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const step of undo.reverse()) await step();
});
const stage = (options?: Parameters<typeof sealedStage>[1]) => sealedStage((step) => undo.push(step), options);

const CANARY = 'canary-sealed-value';
const IN_USE = { name: 'db', asideAt: null };

for (const [what, bytes] of [
  ['one byte', Buffer.from([0])],
  ['text with its line end', Buffer.from('a\nb\n')],
  ['bytes that are no text', Buffer.from([255, 0, 254, 10])],
  ['the largest', Buffer.alloc(MOST_VALUE_BYTES, 7)],
] as const) {
  test(`gives back ${what} byte for byte`, async () => {
    const { files } = await stage();
    assert.deepEqual(await files.write('db', new SecretValue(bytes), 1_000), []);
    assert.ok(Buffer.from((await files.read('db')).expose()).equals(bytes));
  });
}

test('is encrypted, for its owner alone, and each time anew', async () => {
  const { files, stateDir, text } = await stage();
  const path = join(stateDir, 'sealed', 'db');
  const seen: Buffer[] = [];
  for (let at = 0; at < 2; at += 1) {
    await files.write('db', text(CANARY), 1_000 + at);
    seen.push(await readFile(path));
  }
  assert.equal(((await stat(path)).mode & 0o777).toString(8), '600');
  assert.equal(((await stat(join(stateDir, 'sealed'))).mode & 0o777).toString(8), '700');
  const [first, second] = seen;
  assert.ok(first && second && !first.equals(second));
  assert.ok(seen.every((bytes) => !bytes.includes(CANARY) && bytes.subarray(0, 4).toString() === 'PSIS'));
});

test('each byte that is changed, and each cut, is refused as damaged or of another key, and never opens', async () => {
  const { files, stateDir, text } = await stage();
  await files.write('db', text(CANARY), 1_000);
  const path = join(stateDir, 'sealed', 'db');
  const whole = await readFile(path);
  const refused = async (bytes: Uint8Array, what: string): Promise<void> => {
    await writeFile(path, bytes);
    await assert.rejects(
      files.read('db'),
      ({ code, message, hint }: PsiError) => {
        assert.ok(code === 'CACHE_CORRUPT' || code === 'KEY_UNAVAILABLE', `${what}: ${message}`);
        assert.ok(hint !== undefined && !message.includes(CANARY));
        return true;
      },
      what,
    );
  };
  for (let index = 0; index < whole.length; index += 1) {
    const changed = Buffer.from(whole);
    changed.writeUInt8(changed.readUInt8(index) ^ 1, index);
    await refused(changed, `byte ${String(index)}`);
  }
  for (const length of [0, 3, 5, 51, whole.length - 1]) await refused(whole.subarray(0, length), String(length));
  await refused(Buffer.concat([whole, Buffer.from([0])]), 'longer');
  await writeFile(path, whole);
  assert.equal((await files.read('db')).exposeText(), CANARY);
});

test('two files that were exchanged are told', async () => {
  const { files, stateDir, text } = await stage();
  await files.write('a', text('of a'), 1_000);
  await files.write('b', text('of b'), 1_000);
  await rename(join(stateDir, 'sealed', 'a'), join(stateDir, 'sealed', 'b'));
  await assert.rejects(files.read('b'), { code: 'CACHE_CORRUPT', details: { defect: 'other-name' } });
});

test('what is replaced or removed lies aside, each by itself, and comes back', async () => {
  const { files, text } = await stage();
  for (const value of ['one', 'two', 'three']) await files.write('db', text(value), 1_000);
  assert.equal(await files.putAside('db', 1_000), true);
  assert.equal(await files.putAside('db', 1_000), false);
  const aside = await files.listAside();
  assert.deepEqual(
    aside.map(({ name, asideAt }) => [name, asideAt]),
    [
      ['db', 1_000],
      ['db', 1_001],
      ['db', 1_002],
    ],
  );
  const texts = await Promise.all(aside.map(async (one) => (await files.readAt(one)).exposeText()));
  assert.deepEqual(texts, ['one', 'two', 'three']);
  const [first] = aside;
  assert.ok(first);
  await files.takeBack(first, 2_000);
  assert.equal((await files.read('db')).exposeText(), 'one');
  await assert.rejects(files.takeBack(first, 2_000), { code: 'NOT_FOUND' });
});

test('a value that takes the place of another is there before, at each step, and after', async () => {
  const steps: string[] = [];
  let look: () => Promise<string> = () => Promise.resolve('');
  const seen: Promise<string>[] = [];
  const { files, folderOf, keys, text } = await stage({
    onStep: (step) => {
      steps.push(step);
      seen.push(look());
    },
  });
  await files.write('db', text('before'), 1_000);
  steps.length = 0;
  seen.length = 0;
  const reader = folderOf([keys]);
  look = async () => (await reader.read('db')).exposeText();
  await files.write('db', text('after'), 2_000);
  assert.deepEqual(steps, ['wrapped', 'kept', 'created', 'written', 'synced', 'renamed']);
  assert.ok((await Promise.all(seen)).every((value) => value === 'before' || value === 'after'));
  assert.equal((await reader.read('db')).exposeText(), 'after');
});

test('tries that fail keep nothing aside: what was removed is not driven out by them', async () => {
  let full = false;
  const { files, text } = await stage({
    onStep: (step) => {
      if (full && step === 'written') throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    },
  });
  await files.write('db', text('before'), 1_000);
  full = true;
  for (const at of [2_000, 3_000]) {
    await assert.rejects(files.write('db', text('after'), at), { code: 'HOST', hint: /df -h/ });
  }
  assert.deepEqual(await files.listAside(), []);
  assert.equal((await files.read('db')).exposeText(), 'before');
});

test('folders are durable before what is in them, and what is replaced is before it is', async (t) => {
  const { files, stateDir, text } = await stage();
  const calls: string[] = [];
  const call = fileCalls.run.bind(fileCalls);
  t.mock.method(fileCalls, 'run', (path: string, work: (signal: AbortSignal) => Promise<unknown>, limitMs?: number) => {
    calls.push(path.slice(stateDir.length));
    return call(path, work, limitMs);
  });
  await files.write('db', text('one'), 1_000);
  const [made, synced, written] = ['/sealed/.aside', '', '/sealed/db'].map((path) => calls.indexOf(path));
  assert.ok(made !== undefined && synced !== undefined && made !== -1 && made < synced, calls.join());
  assert.ok(calls.slice(synced).includes('/sealed/db') && written !== -1, calls.join());
  calls.length = 0;
  await files.write('db', text('two'), 2_000);
  // The second name, its folder, then the file.
  const ofValue = calls.filter((path) => path === '/sealed/db' || path === '/sealed/.aside').slice(1);
  assert.deepEqual(ofValue, ['/sealed/db', '/sealed/.aside', '/sealed/db']);
});

test('says which recipients of the config a file lacks, and asks none of them', async () => {
  const { files, folderOf, keys, text } = await stage();
  await files.write('db', text('v'), 1_000);
  keys.failure = 'absent';
  assert.deepEqual(await files.lacking('db'), []);
  assert.deepEqual(await folderOf([keys, new FakeKeyWrapper('hsm')]).lacking('db'), ['hsm']);
});

test('without its recovery key nothing is written: whoever gives the value hears why', async () => {
  const { files, keys, text, stateDir } = await stage();
  keys.failure = 'absent';
  await assert.rejects(files.write('db', text('v'), 1_000), { code: 'KEY_UNAVAILABLE' });
  assert.deepEqual(await readdir(stateDir), []);
});

test('another board opens nothing, and the recovery key does', async () => {
  const { files, folderOf, text } = await stage();
  await files.write('db', text(CANARY), 1_000);
  const board = folderOf([new FakeKeyWrapper('tpm')]);
  await assert.rejects(board.read('db'), ({ code, hint }: PsiError) => {
    assert.equal(code, 'KEY_UNAVAILABLE');
    assert.match(String(hint), /psi cache recover --identity/);
    return true;
  });
  const { fileId, stanzas } = await board.recoverable(IN_USE);
  const wrapped = stanzas[0]?.wrappedKey ?? Buffer.alloc(0);
  const dataKey = new SecretValue(wrapped.map((byte) => byte ^ 0xff));
  assert.equal((await board.readWith(IN_USE, fileId, dataKey)).exposeText(), CANARY);
  await assert.rejects(board.readWith(IN_USE, '00', dataKey), { code: 'CONFLICT' });
  const none = folderOf([new FakeKeyWrapper('hsm')]);
  await assert.rejects(none.read('db'), {
    ...{ code: 'CACHE_CORRUPT', details: { defect: 'other-backend' } },
    hint: /set `cache\.backend` back, .*; or `podman exec -i psi psi cache recover --identity/,
  });
});

test('reaches no file by a name that is none, and counts nothing of others', async () => {
  const { files, stateDir, text } = await stage();
  await files.write('db', text('v'), 1_000);
  await writeFile(join(stateDir, 'sealed', '.db.0123456789ab.tmp'), 'left');
  await writeFile(join(stateDir, 'sealed', '.aside', 'db~99999999999999999'), 'odd');
  for (const name of ['../db', '.aside', '', 'a/b', 'x--y', 'podman.', `n${'x'.repeat(200)}`]) {
    await assert.rejects(async () => files.read(name), { code: 'NOT_FOUND' }, name);
  }
  assert.deepEqual(
    (await files.list()).map(({ name }) => name),
    ['db'],
  );
  assert.deepEqual(await files.listAside(), []);
});

test('what a key says of the cache does not lead away from the value', () => {
  const recovery = { kind: 'recovery', parameters: 'age1', wrappedKey: new Uint8Array() } as const;
  const hintOf = (hint: string | undefined, stanzas: Parameters<typeof keyProblem>[2]): string | undefined =>
    keyProblem(new PsiError('KEY_UNAVAILABLE', 'm', hint === undefined ? {} : { hint }), '/p', stanzas).hint;
  const anew = 'wrap anew with this one: `podman exec psi psi cache refresh`';
  assert.equal(hintOf(`plug in the token that was there, or ${anew}`, []), 'plug in the token that was there');
  assert.equal(
    hintOf(`bring it back, then \`systemctl restart\`; or ${anew}`, []),
    'bring it back, then `systemctl restart`',
  );
  const alone = '`podman exec psi psi cache refresh` seals anew for this host as it is now';
  assert.match(String(hintOf(alone, [])), /^`podman exec psi psi sealed status`/);
  assert.match(String(hintOf(alone, [recovery])), /^for good: `podman exec -i psi psi cache recover/);
  assert.match(String(hintOf('look at it', [recovery])), /^look at it; for good: /);
});

test('many files have one key between them, each under a nonce of its own, and a start asks for it once', async () => {
  const { files, folderOf, keys, stateDir, text } = await stage();
  const names = Array.from({ length: 20 }, (_, at) => `s${String(at)}`);
  for (const name of names) await files.write(name, text(`of ${name}`), 1_000);
  assert.equal(keys.wraps, 1);
  const nonces = await Promise.all(
    names.map(async (name) => (await readFile(join(stateDir, 'sealed', name))).subarray(8, 36).toString('hex')),
  );
  assert.equal(new Set(nonces).size, names.length);
  const next = folderOf([keys]);
  const values = await Promise.all(names.map(async (name) => (await next.read(name)).exposeText()));
  assert.deepEqual([values, keys.unwraps], [names.map((name) => `of ${name}`), 1]);
  keys.failure = 'absent';
  assert.equal((await next.read('s0')).exposeText(), 'of s0');
  next.forgetKeys();
  await assert.rejects(next.read('s0'), { code: 'KEY_UNAVAILABLE' });
});

test('a key seals no more files than it may, and one that a backend missed seals one', async () => {
  const tpm = new FakeKeyWrapper('tpm');
  const hsm = new FakeKeyWrapper('hsm');
  const dataKeys = new DataKeys({ own: [tpm, hsm], recovery: [] }, { mostFiles: 3 });
  const taken: string[] = [];
  const take = async (): Promise<void> => {
    const { key } = await dataKeys.forSealing();
    taken.push(Buffer.from(key).toString('hex'));
    key.fill(0);
  };
  for (let at = 0; at < 4; at += 1) await take();
  assert.deepEqual(new Set(taken.slice(0, 3)).size, 1);
  assert.notEqual(taken[3], taken[0]);
  hsm.failure = 'absent';
  const missing = new DataKeys({ own: [tpm, hsm], recovery: [] });
  const one = await missing.forSealing();
  const two = await missing.forSealing();
  assert.deepEqual([one.missed.length, Buffer.from(one.key).equals(two.key)], [1, false]);
});
