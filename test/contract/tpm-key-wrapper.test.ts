// The TPM key wrapper on a software TPM: the contract of all key wrappers, and what only a TPM can refuse.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';

import { seal } from 'node-tpm2-tss';
import { SoftTpm } from '../../packages/node-tpm2-tss/test/swtpm.ts';
import { TpmKeyWrapper, type TpmKeyWrapperOptions } from '../../src/adapters/tpm/key-wrapper.ts';
import { PsiError } from '../../src/core/error.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import { DATA_KEY_BYTES } from '../../src/sealing/key-wrapper.ts';
import { keyWrapperContract, rejectsWith } from './key-wrapper.contract.ts';

const AUTH = (): Promise<SecretValue> => Promise.resolve(SecretValue.fromText('an auth value of this host'));

for (const [what, pcrs, auth] of [
  ['a TPM', [], undefined],
  ['a TPM with PCRs and an auth value', [7, 11], AUTH],
] as const) {
  keyWrapperContract(what, async () => {
    const [tpm, other] = [await SoftTpm.start(), await SoftTpm.start()];
    const on = (tcti: string): TpmKeyWrapper => new TpmKeyWrapper({ auth }, { tcti, pcrs, bank: 'sha256' });
    return {
      wrapper: on(tpm.tcti),
      stranger: on(other.tcti),
      detach: () => tpm.powerOff(),
      attach: () => tpm.powerOn(),
      dispose: async () => {
        assert.equal(await tpm.leftovers(), '', 'nothing is left in the TPM');
        await tpm.dispose();
        await other.dispose();
      },
      wrapNeedsDevice: true,
    };
  });
}

const key = (): SecretValue => new SecretValue(randomBytes(DATA_KEY_BYTES));

async function softTpm(t: TestContext): Promise<SoftTpm> {
  const tpm = await SoftTpm.start();
  t.after(() => tpm.dispose());
  return tpm;
}

type Options = Partial<TpmKeyWrapperOptions> & { readonly auth?: () => Promise<SecretValue> };

function wrapperOn(tcti: string, { auth, ...options }: Options = {}): TpmKeyWrapper {
  return new TpmKeyWrapper({ auth }, { tcti, pcrs: [], bank: 'sha256', ...options });
}

test('names the PCR that moved and the command that seals anew', async (t) => {
  const tpm = await softTpm(t);
  const wrapper = wrapperOn(tpm.tcti, { pcrs: [7, 11] });
  const blob = await wrapper.wrap(key());
  await tpm.extend(11);
  const error = await rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['policy'] });
  assert.equal(error.message, 'PCR 11 (sha256) changed since sealing');
  assert.match(String(error.hint), /psi cache refresh/);
  assert.equal(error.retry, 'no');
  await wrapper.unwrap(await wrapper.wrap(key()));
});

test('opens what was wrapped under other settings: the blob says what it is bound to', async (t) => {
  const tpm = await softTpm(t);
  const dataKey = key();
  const blob = await wrapperOn(tpm.tcti, { pcrs: [7] }).wrap(dataKey);
  const opened = await wrapperOn(tpm.tcti, { pcrs: [11], bank: 'sha384', auth: AUTH }).unwrap(blob);
  assert.deepEqual(Buffer.from(opened.expose()), Buffer.from(dataKey.expose()));
});

test('refuses a wrong or missing auth value, and never has it counted', async (t) => {
  const tpm = await softTpm(t);
  const blob = await wrapperOn(tpm.tcti, { auth: AUTH }).wrap(key());
  const wrong = wrapperOn(tpm.tcti, { auth: () => Promise.resolve(SecretValue.fromText('wrong')) });
  for (const wrapper of [wrong, wrong, wrong, wrong, wrapperOn(tpm.tcti)]) {
    const error = await rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['auth'] });
    assert.equal(error.retry, 'no');
  }
  assert.equal((await wrong.describe()).facts.get('lockout'), '0 of 3 failed tries');
});

test('says why an auth value cannot be read, with the hint of who knows', async () => {
  const auth = (): Promise<SecretValue> =>
    Promise.reject(
      new PsiError('CONFIG_INVALID', 'no credential psi-tpm', { hint: 'LoadCredentialEncrypted=psi-tpm' }),
    );
  const error = await rejectsWith(wrapperOn('swtpm:path=/nowhere', { auth }).wrap(key()), {
    code: 'KEY_UNAVAILABLE',
    reason: ['auth'],
  });
  assert.match(error.message, /no credential psi-tpm/);
  assert.equal(error.hint, 'LoadCredentialEncrypted=psi-tpm');
});

test('reads the auth value anew for each call', async (t) => {
  const tpm = await softTpm(t);
  let value = 'first';
  const wrapper = wrapperOn(tpm.tcti, { auth: () => Promise.resolve(SecretValue.fromText(value)) });
  const blob = await wrapper.wrap(key());
  value = 'second';
  await rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['auth'] });
  value = 'first';
  await wrapper.unwrap(blob);
});

test('lets its caller go when the TPM is silent, and goes on when it answers again', async (t) => {
  const tpm = await softTpm(t);
  const wrapper = wrapperOn(tpm.tcti, { deadlineMs: 200 });
  const blob = await wrapper.wrap(key());
  tpm.freeze();
  const error = await rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['timeout'] });
  assert.equal(error.retry, 'later');
  assert.equal((await wrapper.describe()).problem?.details['reason'], 'timeout');
  tpm.thaw();
  await wrapperOn(tpm.tcti).unwrap(blob);
});

test('ends calls under way when it is closed, though the TPM is silent', async (t) => {
  const tpm = await softTpm(t);
  const wrapper = wrapperOn(tpm.tcti, { deadlineMs: 2000 });
  const blob = await wrapper.wrap(key());
  tpm.freeze();
  const call = wrapper.unwrap(blob);
  await wrapper.close();
  await rejectsWith(call, { code: 'KEY_UNAVAILABLE', reason: ['absent'] });
  tpm.thaw();
});

test('refuses to wrap to a bank that is not allocated', async (t) => {
  const tpm = await softTpm(t);
  await tpm.tool('pcrallocate', 'sha1:none+sha256:all+sha384:none+sha512:none');
  await tpm.powerOff();
  await tpm.powerOn();
  const wrapper = wrapperOn(tpm.tcti, { pcrs: [7], bank: 'sha384' });
  await rejectsWith(wrapper.wrap(key()), { code: 'KEY_UNAVAILABLE', reason: ['refused'] });
  assert.match(String((await wrapper.describe()).problem?.hint), /cache\.tpm\.bank/);
});

test('tells how to do without the owner password', async (t) => {
  const tpm = await softTpm(t);
  await tpm.tool('changeauth', '-c', 'owner', 'password');
  const wrapper = wrapperOn(tpm.tcti);
  const error = await rejectsWith(wrapper.wrap(key()), { code: 'KEY_UNAVAILABLE', reason: ['refused'] });
  assert.match(String(error.hint), /0x81000001/);
  // What the hint says.
  const attributes = /-a "([^"]+)"/.exec(String(error.hint))?.[1] ?? '';
  await tpm.tool('createprimary', '-C', 'o', '-P', 'password', '-c', 'srk.ctx', '-a', attributes);
  await tpm.tool('evictcontrol', '-C', 'o', '-P', 'password', '-c', 'srk.ctx', '0x81000001');
  await tpm.tool('flushcontext', '-t');
  await wrapper.unwrap(await wrapper.wrap(key()));
});

test('warns of a PCR that nothing was measured into', async (t) => {
  const tpm = await softTpm(t);
  await tpm.extend(11);
  const { facts } = await wrapperOn(tpm.tcti, { pcrs: [7, 11] }).describe();
  assert.equal(facts.get('bound to'), 'PCR 7, 11 (sha256)');
  assert.match(String(facts.get('warning')), /^PCR 7 was never extended/);
});

test('takes a sealed thing that is no data key for a damaged one', async (t) => {
  const tpm = await softTpm(t);
  const blob = await seal(randomBytes(16), { tcti: tpm.tcti });
  await rejectsWith(wrapperOn(tpm.tcti).unwrap(blob), { code: 'CACHE_CORRUPT', reason: ['damaged'] });
});

test('says what is wrong with its settings', async () => {
  const unusable = await rejectsWith(wrapperOn('nosuch:x').wrap(key()), {
    code: 'KEY_UNAVAILABLE',
    reason: ['absent'],
  });
  assert.match(String(unusable.hint), /libtss2-tcti/);
  await rejectsWith(wrapperOn('/tmp/x.so').wrap(key()), { code: 'KEY_UNAVAILABLE', reason: ['refused'] });
  const { problem, device } = await wrapperOn('device:/dev/nosuch').describe();
  assert.equal(device, 'device:/dev/nosuch');
  assert.match(String(problem?.message), /no TPM at device:\/dev\/nosuch: there is no such file/);
});
