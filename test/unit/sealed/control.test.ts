// `psi sealed …` as the service carries it out, beside a Podman that stores through it.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { PsiError } from '../../../src/core/error.ts';
import { encodeMapping } from '../../../src/core/mapping.ts';
import { secretId } from '../../../src/core/naming.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { SealedControl, type RecoveredKey } from '../../../src/sealed/control.ts';
import { SealedCare } from '../../../src/sealed/care.ts';
import { SealedValues } from '../../../src/sealed/values.ts';
import { FakeKeyWrapper } from '../../fakes/key-wrapper.fake.ts';
import { DAY_MS, sealedStage } from '../../fakes/sealed-stage.ts';

const undo: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const step of undo.reverse()) await step();
});
const stage = (options?: Parameters<typeof sealedStage>[1]) => sealedStage((step) => undo.push(step), options);

type Stage = Awaited<ReturnType<typeof stage>>;

async function idOf({ registry }: Stage, name: string): Promise<string> {
  return (await registry.list()).find((one) => one.name === name)?.id ?? assert.fail(`podman has no ${name}`);
}

test('a value that is stored is registered with Podman, and a lookup gets it', async () => {
  const it = await stage();
  const report = await it.control.store('db', it.text('hunter2'));
  assert.deepEqual(report, { name: 'db', bytes: 7, registered: 'created', problem: null, missed: [] });
  const id = await idOf(it, 'db');
  assert.equal(await it.lookUp(id), 'hunter2');
  assert.deepEqual(it.mappingStore.files.get(secretId(id)), { provider: 'sealed', name: 'db' });
});

test('stored again it has the new value at once under the id that it had, and the old one lies aside', async () => {
  const it = await stage();
  await it.control.store('db', it.text('one'));
  const id = await idOf(it, 'db');
  assert.equal(await it.lookUp(id), 'one');
  assert.equal((await it.control.store('db', it.text('two'))).registered, 'there');
  assert.equal(await it.lookUp(id), 'two');
  const { secrets, aside } = await it.control.list();
  assert.deepEqual(
    [secrets.map(({ name, podman }) => [name, podman]), aside.map(({ name }) => name)],
    [[['db', ['db']]], ['db']],
  );
  await it.control.restore('db', undefined);
  assert.equal(await it.lookUp(id), 'one');
});

test('a Podman that does not answer leaves the value stored, says so, and the same again mends it', async () => {
  const it = await stage();
  it.registry.failNext('list');
  const report = await it.control.store('db', it.text('v'));
  assert.equal(report.registered, null);
  assert.match(String(report.problem?.message), /^the value is stored, and podman has no secret db for it: /);
  it.reach.problem = new PsiError('HOST', 'somebody took the socket', { hint: 'restart it' });
  assert.match(String((await it.control.store('db', it.text('v'))).problem?.message), /somebody took the socket/);
  it.reach.problem = undefined;
  assert.equal((await it.control.store('db', it.text('v'))).registered, 'created');
});

test("another's secret of the same name is not touched", async () => {
  const it = await stage();
  await it.podman.create({
    ...{ name: 'db', driver: 'file', options: {}, labels: {}, replace: false },
    body: Buffer.from('theirs'),
  });
  const { problem } = await it.control.store('db', it.text('v'));
  assert.deepEqual([problem?.code, it.registry.writes.filter(({ op }) => op === 'remove')], ['CONFLICT', []]);
  // What is removed then is the value alone.
  assert.deepEqual((await it.control.remove('db')).podman, []);
});

test('a removed one is gone from Podman too, can be restored for its days, and goes for good after them', async () => {
  const it = await stage();
  await it.control.store('db', it.text('v'));
  const { podman, goesAt } = await it.control.remove('db');
  assert.deepEqual([podman, goesAt], [['db'], new Date(it.clock.now() + 7 * DAY_MS).toISOString()]);
  assert.deepEqual([await it.registry.list(), (await it.control.list()).secrets], [[], []]);
  const restored = await it.control.restore('db', undefined);
  assert.deepEqual([restored.name, restored.registered], ['db', 'created']);
  assert.equal(await it.lookUp(await idOf(it, 'db')), 'v');
  await it.control.remove('db');
  await it.clock.advance(7 * DAY_MS + 1);
  await it.values.sweep();
  assert.deepEqual((await it.control.list()).aside, []);
  await assert.rejects(it.control.restore('db', undefined), { code: 'NOT_FOUND' });
});

test('a clock that was ahead when something was removed does not take it away early, nor one that was behind another', async () => {
  const it = await stage();
  await it.control.store('db', it.text('v'));
  const now = it.clock.now();
  it.clock.setWall(now + 400 * DAY_MS);
  await it.control.remove('db');
  it.clock.setWall(now);
  await it.values.sweep();
  assert.equal((await it.control.list()).aside.length, 1);
});

test('names that are none of these are refused before anything is written', async () => {
  const it = await stage();
  for (const name of ['', '../x', 'a/b', 'web--DB', 'podman.x', '.x', 'x'.repeat(200)]) {
    await assert.rejects(it.control.store(name, it.text('v')), { code: 'BAD_REQUEST' }, name);
  }
  await assert.rejects(it.control.store('db', it.text('')), { code: 'BAD_REQUEST' });
  await assert.rejects(it.control.store('db', new SecretValue(new Uint8Array(512_000))), { code: 'BAD_REQUEST' });
  assert.deepEqual((await it.control.list()).secrets, []);
});

test('what Podman was given is sealed under its id, and handed out', async () => {
  const it = await stage();
  const id = await it.create('db', 'hunter2\n');
  assert.equal(await it.lookUp(id), 'hunter2\n');
  assert.deepEqual(it.mappingStore.files.get(secretId(id)), { provider: 'sealed', name: `podman.${id}` });
  const [secret] = (await it.control.list()).secrets;
  assert.deepEqual([secret?.name, secret?.podman], [`podman.${id}`, ['db']]);
  // People know Podman's name.
  assert.equal((await it.control.export('db')).value.exposeText(), 'hunter2\n');
  assert.equal((await it.control.export(`podman.${id}`)).value.exposeText(), 'hunter2\n');
});

test('deleted by Podman it lies aside, and comes back under a name of its own', async () => {
  const it = await stage();
  const id = await it.create('db', 'hunter2');
  await it.podman.remove('db');
  assert.deepEqual([it.mappings.size, (await it.control.list()).secrets], [0, []]);
  await assert.rejects(it.control.restore(`podman.${id}`, undefined), { code: 'BAD_REQUEST', hint: /--as NAME/ });
  const { name, registered } = await it.control.restore(`podman.${id}`, 'db');
  assert.deepEqual([name, registered], ['db', 'created']);
  assert.equal(await it.lookUp(await idOf(it, 'db')), 'hunter2');
});

test('killed between the delete and the store of a replace, the value is there', async () => {
  const it = await stage();
  const before = await it.create('db', 'one');
  it.podman.onReplace = (step) => (step === 'deleted' ? Promise.reject(new Error('killed')) : Promise.resolve());
  await assert.rejects(it.create('db', 'two', true));
  const [aside] = (await it.control.list()).aside;
  assert.equal(aside?.name, `podman.${before}`);
  await it.control.restore(aside.name, 'db');
  assert.equal((await it.control.export('db')).value.exposeText(), 'one');
});

test('killed in the middle of a store, a restore brings the one before, not a second name of what is there', async () => {
  const kill: { at?: string } = {};
  const it = await stage({
    onStep: (step) => {
      if (step === kill.at) throw new Error('killed');
    },
  });
  await it.control.store('db', it.text('one'));
  await it.control.store('db', it.text('two'));
  kill.at = 'kept';
  await assert.rejects(it.control.store('db', it.text('three')));
  delete kill.at;
  await it.control.restore('db', undefined);
  assert.equal((await it.control.export('db')).value.exposeText(), 'one');
  await it.control.restore('db', undefined);
  assert.equal((await it.control.export('db')).value.exposeText(), 'two');
});

test('killed when psi had deleted it and Podman not yet, it comes back under the id that it had', async () => {
  const it = await stage();
  const id = await it.create('db', 'one');
  await it.register.forget(id);
  const { name, registered } = await it.control.restore(`podman.${id}`, undefined);
  assert.deepEqual([name, registered, await it.lookUp(id)], [`podman.${id}`, 'there', 'one']);
  await it.podman.remove('db');
  assert.deepEqual((await it.control.list()).secrets, []);
});

test('replaced by Podman it has the new value, and the old one lies aside', async () => {
  const it = await stage();
  await it.create('db', 'one');
  const id = await it.create('db', 'two', true);
  assert.equal(await it.lookUp(id), 'two');
  const { secrets, aside } = await it.control.list();
  assert.deepEqual([secrets.length, aside.length], [1, 1]);
});

test('a secret that psi itself replaced has another id and the same value, until the last one of it goes', async () => {
  const it = await stage();
  const id = secretId(await it.create('db', 'v'));
  const mapping = it.mappings.get(id) ?? assert.fail();
  const next = secretId('0123456789abcdef012345678');
  await it.mappings.put(next, mapping);
  await it.register.forget(id);
  assert.equal(await it.lookUp(next), 'v');
  await it.register.forget(next);
  assert.deepEqual((await it.control.list()).secrets, []);
});

test('a body that was meant as a mapping and is none is refused, never sealed', async () => {
  const it = await stage();
  for (const body of [
    '{"provider":"infisical","project":"p","path":"/","ke":"K"}',
    '{"provider":"infisical","project":"p","path":"x","key":"K"}',
    '{"provider":"other","name":"db"}',
    '{"provider":"sealed","name":"../db"}',
    '{"provider":"nitrokeyhsm","blob":"AQA="}',
    '{"provider": "infisical", "project": "p", "path": "/", "key": ',
  ]) {
    await assert.rejects(
      it.register.store('0123456789abcdef012345678', Buffer.from(body)),
      { code: 'NOT_A_MAPPING' },
      body,
    );
  }
  assert.deepEqual((await it.control.list()).secrets, []);
});

test("JSON of one's own is sealed", async () => {
  const it = await stage();
  for (const body of ['{"user":"u","password":"p"}', '{"provider":"aws","secret_key":"k","region":"r"}', '[]', '{}']) {
    const id = await it.create(`s${String(it.podman.writes.length)}`, body);
    assert.equal(await it.lookUp(id), body);
  }
});

test('off, a value is refused, and what was sealed is still handed out', async () => {
  const it = await stage();
  const id = await it.create('db', 'v');
  const { sealed } = it.settings;
  it.settings.sealed = sealed && { ...sealed, fromPodman: false };
  await assert.rejects(it.create('other', 's3cr3t'));
  assert.equal(await it.lookUp(id), 'v');
  it.settings.sealed = undefined;
  assert.equal(await it.lookUp(id), undefined);
  await assert.rejects(it.control.list(), { code: 'CONFIG_INVALID' });
});

test('a TPM that is away refuses the value in the words of the key, and Podman has no secret', async () => {
  const it = await stage();
  it.keys.failure = 'absent';
  await assert.rejects(it.register.store('0123456789abcdef012345678', Buffer.from('v')), { code: 'KEY_UNAVAILABLE' });
  assert.equal(it.mappings.size, 0);
  // What is in memory needs none.
  it.keys.failure = undefined;
  const id = await it.create('db', 'v');
  it.keys.failure = 'absent';
  assert.equal(await it.lookUp(id), 'v');
});

test('a mapping that cannot be written leaves no value behind that nobody would ask for', async () => {
  const it = await stage();
  it.mappingStore.failWith = new PsiError('HOST', 'disk full');
  await assert.rejects(it.register.store('0123456789abcdef012345678', Buffer.from('v')), { code: 'HOST' });
  assert.deepEqual(await it.files.list(), []);
});

test('status names what lacks a recipient and what is damaged, and reseal mends the first', async () => {
  const it = await stage();
  await it.control.store('db', it.text('v'));
  const good = await it.control.status({ verify: true });
  assert.deepEqual(
    [good.secrets, good.unsealed, good.failures, good.exit, good.keys.map(({ backend }) => backend)],
    [1, [], [], 0, ['tpm']],
  );
  const own = [it.keys, new FakeKeyWrapper('hsm')];
  const files = it.folderOf(own);
  const values = new SealedValues({ files, clock: it.clock }, { keepMs: DAY_MS });
  const { sealed } = it.settings;
  it.settings.sealed = sealed && { ...sealed, files, values, own };
  const poor = await it.control.status({ verify: false });
  assert.deepEqual([poor.unsealed, poor.exit], [['db'], 69]);
  assert.deepEqual(await it.control.reseal(), {
    sealed: [{ name: 'db', podman: ['db'] }],
    aside: 0,
    failures: [],
    exit: 0,
  });
  assert.deepEqual((await it.control.status({ verify: false })).unsealed, []);
  // Under a key of its own, though the one before would do.
  const wraps = it.keys.wraps;
  await it.control.reseal();
  assert.equal(it.keys.wraps, wraps + 1);
  assert.doesNotMatch(JSON.stringify([good, poor, await it.control.list()]), /"v"/);
});

/** The service on another board, with the same disk. */
function onBoard(it: Stage, board: FakeKeyWrapper): SealedValues {
  const own = [board];
  const files = it.folderOf(own);
  const values = new SealedValues({ files, clock: it.clock }, { keepMs: DAY_MS });
  const { sealed } = it.settings;
  it.settings.sealed = sealed && { ...sealed, files, values, own };
  return values;
}

/** What the command does that has the identity. */
async function keysOf(it: Stage): Promise<readonly RecoveredKey[]> {
  const { files } = await it.control.recoverable();
  return files.map(({ name, asideAt, fileId, stanzas }) => ({
    ...{ name, asideAt, fileId },
    dataKey: new SecretValue((stanzas[0]?.wrappedKey ?? new Uint8Array()).map((byte) => byte ^ 0xff)),
  }));
}

test('a check opens each file, and asks whoever has the key once for all of one key', async () => {
  const it = await stage();
  for (const name of ['a', 'b', 'c']) await it.control.store(name, it.text('v'));
  const unwraps = it.keys.unwraps;
  assert.equal((await it.control.status({ verify: true })).exit, 0);
  assert.equal(it.keys.unwraps, unwraps + 1);
});

test('after the board was lost, keys that were unwrapped elsewhere bring all back and seal it for the one that is there', async () => {
  const it = await stage();
  await it.control.store('db', it.text('before'));
  await it.control.store('db', it.text('one'));
  const id = await it.create('from-podman', 'two');
  onBoard(it, new FakeKeyWrapper('tpm'));
  await assert.rejects(it.lookUp(id), { code: 'KEY_UNAVAILABLE' });
  const keys = await keysOf(it);
  const podman = { name: `podman.${id}`, podman: ['from-podman'] };
  it.mappings.learnNames(await it.registry.list());
  assert.deepEqual(await it.control.recover(keys), {
    sealed: [{ name: 'db', podman: ['db'] }, podman],
    ...{ aside: 1, failures: [], exit: 0 },
  });
  assert.equal(await it.lookUp(id), 'two');
  assert.equal((await it.control.export('db')).value.exposeText(), 'one');
  // What it replaced comes back as well: it was sealed for the board that is gone too.
  await it.control.restore('db', undefined);
  assert.equal((await it.control.export('db')).value.exposeText(), 'before');
  const { failures, exit } = await it.control.recover(keys.slice(1, 2));
  assert.deepEqual([failures.map(({ name, code }) => [name, code]), exit], [[[podman.name, 'CONFLICT']], 73]);
});

test('a recovery names what there was no key of, and leaves out nothing in silence', async () => {
  const it = await stage();
  for (const name of ['a', 'b']) await it.control.store(name, it.text(`of ${name}`));
  await it.control.store('b', it.text('newer'));
  await writeFile(join(it.stateDir, 'sealed', 'c'), 'something else');
  onBoard(it, new FakeKeyWrapper('tpm'));
  const [first] = await keysOf(it);
  assert.equal((await it.control.recoverable()).others, 1);
  const { sealed, failures, exit } = await it.control.recover(first ? [first] : []);
  assert.deepEqual(
    sealed.map(({ name }) => name),
    ['a'],
  );
  assert.deepEqual(
    failures.map(({ name, code }) => [name.replace(/\d{4}-.*\)/, 'TIME)'), code]),
    [
      ['b', 'KEY_UNAVAILABLE'],
      ['c', 'CACHE_CORRUPT'],
      ['b (aside since TIME)', 'KEY_UNAVAILABLE'],
    ],
  );
  assert.equal(exit, 69);
});

test('with no device that could take them, what was opened is looked up, the files stay, and it is said once for each', async () => {
  const it = await stage();
  await it.control.store('db', it.text('one'));
  const id = await it.create('from-podman', 'two');
  const board = new FakeKeyWrapper('tpm');
  board.failure = 'absent';
  onBoard(it, board);
  const path = join(it.stateDir, 'sealed', 'db');
  const before = await readFile(path);
  const { sealed, failures, exit } = await it.control.recover(await keysOf(it));
  assert.deepEqual([sealed, failures.length, exit], [[], 2, 69]);
  assert.match(failures[0]?.message ?? '', /^opened, and not sealed anew: fake: no key \(absent\)/);
  assert.match(failures[0]?.hint ?? '', /the same command again: until psi stops, lookups are answered/);
  assert.equal(await it.lookUp(id), 'two');
  assert.deepEqual(await readFile(path), before);
  board.failure = undefined;
  assert.equal((await it.control.recover(await keysOf(it))).exit, 0);
  onBoard(it, board);
  assert.equal(await it.lookUp(id), 'two');
});

test('sealing anew keeps nothing aside for it, and never undoes what is stored or removed meanwhile', async () => {
  const it = await stage();
  for (const name of ['a', 'b', 'c']) await it.control.store(name, it.text('old'));
  const opened = Promise.withResolvers<undefined>();
  it.keys.gate = opened.promise;
  const resealing = it.control.reseal();
  const meanwhile = [it.values.store('a', it.text('new')), it.values.remove('b')];
  opened.resolve(undefined);
  const [{ failures, exit }] = await Promise.all([resealing, ...meanwhile]);
  assert.deepEqual([failures, exit], [[], 0]);
  const left = await Promise.all(
    (await it.files.list()).map(async ({ name }) => `${name} ${(await it.files.read(name)).exposeText()}`),
  );
  assert.deepEqual(left, ['a new', 'c old']);
  // The one that was replaced, and the one that was removed.
  const aside = (await it.files.listAside()).map(({ name }) => name);
  assert.deepEqual(aside, ['a', 'b']);
});

test('a control without a provider of kind sealed says what to add', async () => {
  const it = await stage();
  const control = new SealedControl({
    ...{ sealed: () => undefined, mappings: it.mappings, registry: it.registry, headerFile: it.headerFile },
    commands: () => assert.fail(),
    unreachable: () => Promise.resolve(undefined),
  });
  await assert.rejects(control.status({ verify: false }), { code: 'CONFIG_INVALID', hint: /providers: \{sealed/ });
});

test('the service says what lacks a recipient or is no file of its own, and reads nothing twice', async () => {
  const it = await stage();
  for (const name of ['a', 'b']) await it.control.store(name, it.text('v'));
  let reads = 0;
  const care = new SealedCare(() => {
    const { sealed } = it.settings;
    const lacking = (name: string): Promise<readonly string[]> => {
      reads += 1;
      return it.files.lacking(name);
    };
    const files = { list: () => it.files.list(), lacking };
    return sealed && { ...sealed, files: { ...sealed.files, ...files } };
  });
  assert.deepEqual([await care.look(), await care.look(), reads], [[], [], 2]);
  const { sealed } = it.settings;
  const own = [it.keys, new FakeKeyWrapper('hsm')];
  it.settings.sealed = sealed && { ...sealed, own, files: it.folderOf(own) };
  const poor = new SealedCare(() => it.settings.sealed);
  await writeFile(join(it.stateDir, 'sealed', 'b'), 'something');
  assert.deepEqual(
    (await poor.look()).map(({ severity, subject, message }) => [severity, subject, message.replace(/\/.*\//, '')]),
    [
      ['error', 'b', 'the sealed secret b is no sealed secret of this psi'],
      ['warning', null, 'sealed secrets that are not sealed for each recipient of the config: a'],
    ],
  );
  it.settings.sealed = undefined;
  assert.deepEqual(await poor.look(), []);
});

test('a secret that is replaced is stored again though its provider is gone from the config: Podman has deleted it by then', async () => {
  const it = await stage();
  const id = secretId(await it.create('db', 'v'));
  const mapping = it.mappings.get(id) ?? assert.fail();
  it.settings.sealed = undefined;
  const next = secretId('0123456789abcdef012345678');
  await it.register.store(next, Buffer.from(encodeMapping(mapping)));
  assert.deepEqual(it.mappings.get(next), mapping);
  assert.equal(it.register.most, 511_999);
  const other = Buffer.from('{"provider":"sealed","name":"other"}');
  await assert.rejects(it.register.store(next, other), { code: 'NOT_A_MAPPING' });
});

test('a value that is replaced over and over does not fill the disk: the oldest go before their time', async () => {
  const it = await stage();
  const values = new SealedValues({ files: it.files, clock: it.clock }, { keepMs: DAY_MS, mostAside: 3 });
  for (let at = 0; at < 6; at += 1) {
    await values.store('db', it.text(`v${String(at)}`));
    await it.clock.advance(1_000);
  }
  const aside = await it.files.listAside();
  const kept = await Promise.all(aside.map(async (one) => (await it.files.readAt(one)).exposeText()));
  assert.deepEqual(kept, ['v2', 'v3', 'v4']);
});
