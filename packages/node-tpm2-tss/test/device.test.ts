// Software TPMs in states that real ones get into: other keys, a password, a missing bank, full slots, lockout, silence.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { info, pcrRead, seal, unseal } from 'node-tpm2-tss';
import { Bus, COMMAND } from './bus.ts';
import { rejectsAs } from './expect.ts';
import { SoftTpm } from './swtpm.ts';

const secret = (): Buffer => randomBytes(32);

async function softTpm(t: TestContext): Promise<SoftTpm> {
  const tpm = await SoftTpm.start();
  t.after(() => tpm.dispose());
  return tpm;
}

async function busTo(t: TestContext, tpm: SoftTpm): Promise<Bus> {
  const bus = await Bus.start(tpm);
  t.after(() => bus.dispose());
  return bus;
}

test('describes the TPM', async (t) => {
  const tpm = await softTpm(t);
  const { manufacturer, vendor, banks, ownerAuthSet } = await info({ tcti: tpm.tcti });
  assert.equal(manufacturer, 'IBM');
  assert.match(vendor, /SW\s*TPM/);
  assert.deepEqual(banks, ['sha1', 'sha256', 'sha384', 'sha512']);
  assert.equal(ownerAuthSet, false);
});

test('names another TPM before any session starts', async (t) => {
  const [tpm, other] = [await softTpm(t), await softTpm(t)];
  const blob = await seal(secret(), { tcti: tpm.tcti });
  const bus = await busTo(t, other);
  const error = await rejectsAs('other-tpm', unseal(blob, { tcti: bus.tcti }));
  assert.match(error.message, /another TPM, or this one was cleared/);
  assert.ok(bus.commands.includes(COMMAND.createPrimary), 'the bus saw the commands');
  assert.ok(!bus.commands.includes(COMMAND.startAuthSession), 'no session was started');
  assert.equal(await other.leftovers(), '');
});

test('names a cleared TPM before any session starts', async (t) => {
  const tpm = await softTpm(t);
  const blob = await seal(secret(), { tcti: tpm.tcti });
  await tpm.tool('clear', '-c', 'p');
  const bus = await busTo(t, tpm);
  await rejectsAs('other-tpm', unseal(blob, { tcti: bus.tcti }));
  assert.ok(!bus.commands.includes(COMMAND.startAuthSession), 'no session was started');
});

test('opens after the TPM was off and on', async (t) => {
  const tpm = await softTpm(t);
  const value = secret();
  const blob = await seal(value, { tcti: tpm.tcti, pcrs: [7] });
  await tpm.powerOff();
  const error = await rejectsAs('absent', unseal(blob, { tcti: tpm.tcti }));
  assert.match(error.message, /there is no such file/);
  assert.equal(error.retryable, true);
  await tpm.powerOn();
  assert.deepEqual(await unseal(blob, { tcti: tpm.tcti }), value);
});

test('refuses to seal to a bank that is not allocated, where the policy would hold always', async (t) => {
  const tpm = await softTpm(t);
  await tpm.tool('pcrallocate', 'sha1:none+sha256:all+sha384:none+sha512:none');
  await tpm.powerOff();
  await tpm.powerOn();
  const { tcti } = tpm;
  const error = await rejectsAs('no-bank', seal(secret(), { tcti, pcrs: [7, 23], bank: 'sha384' }));
  assert.deepEqual(error.pcrs, [7, 23]);
  await rejectsAs('no-bank', pcrRead([7], { tcti, bank: 'sha1' }));
  assert.deepEqual((await info({ tcti })).banks, ['sha256']);
  await unseal(await seal(secret(), { tcti, pcrs: [7, 23] }), { tcti });
});

test('goes on with the same key once it is made persistent, an owner password included', async (t) => {
  const tpm = await softTpm(t);
  const { tcti } = tpm;
  const value = secret();
  const blob = await seal(value, { tcti });
  // Its `unique` has 32 zero bytes for x and y, by default tpm2-tools has none: another key. The file is the struct in memory, where
  // each has a size and room for 128 bytes.
  const unique = Buffer.alloc(260);
  for (const at of [0, 130]) unique.writeUInt16LE(32, at);
  await tpm.write('unique', unique);
  await tpm.persistStorageKey('-G', 'ecc256', '-u', 'unique');
  assert.deepEqual(await unseal(blob, { tcti }), value);
  await tpm.tool('changeauth', '-c', 'owner', 'password');
  assert.deepEqual(await unseal(blob, { tcti }), value);
  await unseal(await seal(value, { tcti }), { tcti });
  assert.equal((await info({ tcti })).ownerAuthSet, true);
  assert.match(await tpm.tool('getcap', 'handles-persistent'), /0x81000001/);
});

test('opens an older blob when somebody has put another storage key at the persistent handle', async (t) => {
  const tpm = await softTpm(t);
  const { tcti } = tpm;
  const value = secret();
  const older = await seal(value, { tcti });
  await tpm.persistStorageKey();
  assert.deepEqual(await unseal(older, { tcti }), value);
  const newer = await seal(value, { tcti });
  assert.deepEqual(await unseal(newer, { tcti }), value);
  await tpm.tool('evictcontrol', '-C', 'o', '-c', '0x81000001');
  await rejectsAs('other-tpm', unseal(newer, { tcti }));
  assert.equal(await tpm.leftovers(), '');
});

test('says that the owner hierarchy has a password', async (t) => {
  const tpm = await softTpm(t);
  await tpm.tool('changeauth', '-c', 'owner', 'password');
  const error = await rejectsAs('owner-auth', seal(secret(), { tcti: tpm.tcti }));
  assert.match(error.message, /no fit storage key .* at 0x81000001/);
  assert.equal(error.step, 'CreatePrimary');
});

test('never has a password of the storage key counted as a wrong try', async (t) => {
  const tpm = await softTpm(t);
  await tpm.persistStorageKey('-p', 'password');
  assert.equal((await rejectsAs('owner-auth', seal(secret(), { tcti: tpm.tcti }))).step, 'Create');
  await tpm.tool('evictcontrol', '-C', 'o', '-c', '0x81000001');
  // This one would be counted, so it is left alone.
  await tpm.persistStorageKey(
    '-p',
    'password',
    '-a',
    'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt',
  );
  await unseal(await seal(secret(), { tcti: tpm.tcti }), { tcti: tpm.tcti });
  assert.equal((await info({ tcti: tpm.tcti })).lockout.failures, 0);
});

test('says that the TPM is full, and works when it no longer is', async (t) => {
  const tpm = await softTpm(t);
  const { tcti } = tpm;
  for (let slot = 0; slot < 3; slot += 1) await tpm.tool('createprimary', '-C', 'o', '-c', `${String(slot)}.ctx`);
  const error = await rejectsAs('busy', seal(secret(), { tcti }));
  assert.equal(error.code, 0x902);
  assert.equal(error.retryable, true);
  await tpm.tool('flushcontext', '-t');
  await seal(secret(), { tcti });
});

test('reports a lockout that others have caused, and seals and opens all the same', async (t) => {
  const tpm = await softTpm(t);
  const { tcti } = tpm;
  const blob = await seal(secret(), { tcti, auth: Buffer.from('auth') });
  await tpm.write('pin', Buffer.from('data'));
  await tpm.tool('createprimary', '-C', 'o', '-c', 'p.ctx');
  await tpm.tool('create', '-C', 'p.ctx', '-i', 'pin', '-p', 'right', '-u', 'pub', '-r', 'priv');
  await tpm.tool('flushcontext', '-t');
  await tpm.tool('load', '-C', 'p.ctx', '-u', 'pub', '-r', 'priv', '-c', 'o.ctx');
  await tpm.tool('flushcontext', '-t');
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await assert.rejects(tpm.tool('unseal', '-c', 'o.ctx', '-p', 'wrong'));
    await tpm.tool('flushcontext', '-t');
  }
  const { lockout } = await info({ tcti });
  assert.deepEqual([lockout.active, lockout.failures], [true, 3]);
  await unseal(blob, { tcti, auth: Buffer.from('auth') });
  await unseal(await seal(secret(), { tcti, pcrs: [7] }), { tcti });
  assert.deepEqual((await info({ tcti })).lockout, lockout);
});

test('checks the policy again when a PCR moves between the check and the answer', async (t) => {
  const tpm = await softTpm(t);
  const value = secret();
  const blob = await seal(value, { tcti: tpm.tcti, pcrs: [7] });
  const bus = await busTo(t, tpm);
  let moves = 2;
  bus.before = async (code) => {
    if (code === COMMAND.unseal && moves > 0) {
      moves -= 1;
      await tpm.extend(10);
    }
  };
  assert.deepEqual(await unseal(blob, { tcti: bus.tcti }), value);
  assert.equal(bus.commands.filter((code) => code === COMMAND.unseal).length, 3);
  assert.equal(await tpm.leftovers(), '');
});

test('gives up after three times when PCRs keep moving', async (t) => {
  const tpm = await softTpm(t);
  const blob = await seal(secret(), { tcti: tpm.tcti, pcrs: [7] });
  const bus = await busTo(t, tpm);
  bus.before = (code) => (code === COMMAND.unseal ? tpm.extend(10) : Promise.resolve());
  const error = await rejectsAs('pcr-unstable', unseal(blob, { tcti: bus.tcti }));
  assert.equal(error.retryable, true);
  assert.equal(bus.commands.filter((code) => code === COMMAND.unseal).length, 3);
  assert.equal(await tpm.leftovers(), '');
});

test('says what is wrong with a TCTI', async () => {
  await rejectsAs('tcti', info({ tcti: 'nosuch:thing' }));
  assert.match((await rejectsAs('absent', info({ tcti: 'device:/dev/nosuch' }))).message, /there is no such file/);
  assert.match((await rejectsAs('absent', info({ tcti: 'device:/dev/null' }))).message, /nothing answers/);
});
