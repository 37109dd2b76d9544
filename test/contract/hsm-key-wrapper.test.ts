// The HSM key wrapper on a soft token: the contract of all key wrappers, and what is a token's own.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { HsmKeyWrapper, type HsmKeyWrapperOptions } from '../../src/adapters/hsm/key-wrapper.ts';
import type { PinSource } from '../../src/adapters/hsm/pin.ts';
import { preflight } from '../../src/adapters/hsm/preflight.ts';
import type { TokenTarget } from '../../src/sealing/token-target.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import type { Clock } from '../../src/core/clock.ts';
import { noSoftToken, PIN, softToken, type SoftToken } from '../doubles/pkcs11/soft-token.ts';
import { FakeClock } from '../fakes/clock.fake.ts';
import { keyWrapperContract, rejectsWith } from './key-wrapper.contract.ts';

const pinIs = (pin: string | undefined, name = 'the test'): PinSource => ({
  name,
  read: () => Promise.resolve(pin === undefined ? undefined : SecretValue.fromText(pin)),
});
const dataKey = (): SecretValue => new SecretValue(randomBytes(32));
const hex = (value: SecretValue): string => Buffer.from(value.expose()).toString('hex');

let files = 0;
type Make = { readonly pins?: readonly PinSource[]; readonly clock?: Clock } & Partial<HsmKeyWrapperOptions>;
function wrapperOf(
  token: SoftToken,
  { pins = [pinIs(PIN)], clock = systemClock, ...options }: Make = {},
): HsmKeyWrapper {
  files += 1;
  const publicKeyPath = join(token.dir, `key-${String(files)}.pem`);
  return new HsmKeyWrapper({ clock, pins }, { target: token.target, publicKeyPath, ...options });
}

if (noSoftToken === undefined) {
  keyWrapperContract('the HSM (NSS soft token)', async () => {
    const [token, other] = await Promise.all([softToken(), softToken({ bits: 4096 })]);
    const [wrapper, stranger] = [wrapperOf(token), wrapperOf(other)];
    return {
      wrapper,
      stranger,
      detach: () => token.faults('C_GetSlotList 1 9999999 none 0'),
      attach: () => token.faults(),
      dispose: async () => {
        await Promise.all([wrapper.close(), stranger.close()]);
        await Promise.all([token.dispose(), other.dispose()]);
      },
      wrapNeedsDevice: false,
    };
  });
}

describe('HSM key wrapper', { skip: noSoftToken ?? false }, () => {
  let token: SoftToken;
  const open: HsmKeyWrapper[] = [];
  const make = (options?: Make): HsmKeyWrapper => {
    const wrapper = wrapperOf(token, options);
    open.push(wrapper);
    return wrapper;
  };
  /** Each test begins with a token in order and a count of nothing. */
  const fresh = async (...faults: readonly string[]): Promise<void> => {
    await token.forget();
    await token.faults(...faults);
  };
  let blob: Uint8Array;
  before(async () => {
    token = await softToken({ keys: ['psi', 'second'] });
    blob = await make().wrap(dataKey());
  });
  after(async () => {
    await Promise.all(open.map((wrapper) => wrapper.close()));
    await token.dispose();
  });

  describe('wrapping', () => {
    it('asks the token once for its public key, and then never again', async () => {
      await fresh();
      const wrapper = make();
      for (let at = 0; at < 3; at += 1) await wrapper.wrap(dataKey());
      assert.deepEqual([await token.calls('C_Initialize'), await token.calls('C_Login')], [1, 0]);
    });

    it('needs no token after a restart: the public key is in a file for its owner alone', async () => {
      await fresh();
      const publicKeyPath = join(token.dir, 'kept.pem');
      const key = dataKey();
      await make({ publicKeyPath }).wrap(key);
      assert.match(await readFile(publicKeyPath, 'utf8'), /^-----BEGIN PUBLIC KEY-----/);
      assert.equal((await stat(publicKeyPath)).mode & 0o777, 0o600);
      await fresh('C_GetSlotList 1 9999999 none 0');
      const wrapped = await make({ publicKeyPath }).wrap(key);
      assert.equal(await token.calls('C_Initialize'), 0);
      await fresh();
      assert.equal(hex(await make().unwrap(wrapped)), hex(key));
    });

    it('says that the token is away when its public key was never seen', async () => {
      await fresh('C_GetSlotList 1 9999999 none 0');
      await rejectsWith(make().wrap(dataKey()), { code: 'KEY_UNAVAILABLE', reason: ['absent'] });
    });

    it('forgets a kept key when the token has another', async () => {
      await fresh();
      const publicKeyPath = join(token.dir, 'stale.pem');
      const second = { ...token.target, key: { label: 'second', id: undefined } };
      await make({ publicKeyPath, target: second }).wrap(dataKey());
      const wrapper = make({ publicKeyPath });
      await wrapper.unwrap(blob);
      const key = dataKey();
      assert.equal(hex(await wrapper.unwrap(await wrapper.wrap(key))), hex(key));
      assert.equal(hex(await make().unwrap(await make({ publicKeyPath }).wrap(key))), hex(key));
    });

    it('wraps for the key that is there once the kept one has turned out to be another', async () => {
      await fresh();
      const publicKeyPath = join(token.dir, 'other.pem');
      const second = { ...token.target, key: { label: 'second', id: undefined } };
      const old = await make({ publicKeyPath }).wrap(dataKey());
      const wrapper = make({ publicKeyPath, target: second });
      await rejectsWith(wrapper.unwrap(old), { code: 'KEY_UNAVAILABLE', reason: ['other-device'] });
      const key = dataKey();
      assert.equal(hex(await wrapper.unwrap(await wrapper.wrap(key))), hex(key));
      assert.equal(hex(await make({ target: second }).unwrap(await make({ publicKeyPath }).wrap(key))), hex(key));
    });
  });

  describe('a wrong PIN', () => {
    it('is tried once, whatever is called how often, one after another or at once', async () => {
      await fresh();
      const wrapper = make({ pins: [pinIs('canary-wrong-pin')] });
      const first = await rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['auth'] });
      assert.equal(first.retry, 'no');
      await Promise.all(
        [1, 2, 3].map(() => rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['auth'] })),
      );
      await assert.rejects(wrapper.init());
      assert.equal((await wrapper.describe()).problem?.details['reason'], 'auth');
      assert.equal(await token.calls('C_Login'), 1);
    });

    it('is tried once by eight calls at once', async () => {
      await fresh();
      const wrapper = make({ pins: [pinIs('canary-wrong-pin')] });
      const calls = Array.from({ length: 8 }, () =>
        rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['auth'] }),
      );
      await Promise.all(calls);
      assert.equal(await token.calls('C_Login'), 1);
    });

    it('is not followed by the PIN of another source', async () => {
      await fresh();
      const wrapper = make({ pins: [pinIs(undefined), pinIs('canary-wrong-pin'), pinIs(PIN)] });
      await rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['auth'] });
      assert.equal(await token.calls('C_Login'), 1);
    });

    it('is over when there is another one: without a restart', async () => {
      await fresh();
      let pin = 'canary-wrong-pin';
      const wrapper = make({ pins: [{ name: 'a file', read: () => Promise.resolve(SecretValue.fromText(pin)) }] });
      await rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['auth'] });
      pin = PIN;
      await wrapper.unwrap(blob);
      assert.equal(await token.calls('C_Login'), 2);
    });

    // The token remembers for PSI: CKF_USER_PIN_COUNT_LOW, _FINAL_TRY, _LOCKED.
    for (const [flag, reason] of [
      ['0x10000', 'auth'],
      ['0x20000', 'auth'],
      ['0x40000', 'lockout'],
    ] as const) {
      it(`is not risked after a restart when the token says ${flag}`, async () => {
        await fresh(`C_GetTokenInfo 1 9999999 flags ${flag}`);
        const wrapper = make();
        const error = await rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: [reason] });
        assert.match(error.hint ?? '', /pkcs11-tool/);
        assert.equal((await wrapper.describe()).problem?.details['reason'], reason);
        assert.equal(await token.calls('C_Login'), 0);
      });
    }

    it('may be put right by a person who asks for it, also when the count is low', async () => {
      await fresh('C_GetTokenInfo 1 9999999 flags 0x10000');
      assert.equal((await make().init()).pin, 'low');
      assert.equal(await token.calls('C_Login'), 1);
    });

    it('is not risked with the last try, whoever asks', async () => {
      await fresh('C_GetTokenInfo 1 9999999 flags 0x30000');
      await rejectsWith(make().init(), { code: 'KEY_UNAVAILABLE', reason: ['auth'] });
      assert.equal(await token.calls('C_Login'), 0);
    });

    it('is in no error, whatever goes wrong', async () => {
      await fresh();
      const error = await rejectsWith(make({ pins: [pinIs('canary-wrong-pin')] }).unwrap(blob), {
        code: 'KEY_UNAVAILABLE',
        reason: ['auth'],
      });
      assert.doesNotMatch(
        `${JSON.stringify(error)} ${error.message} ${String(error.hint)} ${String(error.stack)}`,
        /canary/,
      );
    });
  });

  it('takes the first PIN there is, and says where it came from', async () => {
    await fresh();
    const status = await make({
      pins: [pinIs(undefined, 'one'), pinIs(PIN, 'the config'), pinIs('x', 'three')],
    }).describe();
    assert.equal(status.facts.get('pin'), 'ok, from the config');
    assert.equal(status.problem, undefined);
  });

  it('says that it has no PIN, and asks for none', async () => {
    await fresh();
    const wrapper = make({ pins: [] });
    await rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['auth'] });
    assert.equal((await wrapper.describe()).problem?.details['reason'], 'auth');
    assert.equal(await token.calls('C_Login'), 0);
  });

  describe('a token in trouble', () => {
    // Each is over with a new process, session and login.
    for (const [what, fault] of [
      ['the session is lost at decrypt', 'C_Decrypt 1 1 rv 0xB3'],
      ['the card is pulled and put back at decrypt', 'C_DecryptInit 1 1 rv 0x32'],
      ['pcscd is restarted at login', 'C_Login 1 1 rv 0x30'],
      ['the token is gone when the session is opened', 'C_OpenSession 1 1 rv 0xE0'],
      ['the module crashes', 'C_Decrypt 1 1 crash 0'],
      ['somebody is logged in already', 'C_Login 1 1 then 0x100'],
    ] as const) {
      it(`recovers at once when ${what}`, async () => {
        await fresh(fault);
        const key = dataKey();
        const wrapper = make();
        assert.equal(hex(await wrapper.unwrap(await wrapper.wrap(key))), hex(key));
      });
    }

    it('says that it went away when that lasts, and is fit again afterwards', async () => {
      await fresh('C_OpenSession 1 9999999 rv 0xE1');
      const wrapper = make();
      const error = await rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['absent'] });
      assert.equal(error.retry, 'later');
      assert.equal(await token.calls('C_OpenSession'), 2);
      await token.faults();
      await wrapper.unwrap(blob);
    });

    it('is busy, not broken, when it has no session left', async () => {
      await fresh('C_OpenSession 1 9999999 rv 0xB1');
      const error = await rejectsWith(make().unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['busy'] });
      assert.equal(error.retry, 'later');
    });

    it('is named when it knows no OAEP with SHA-256, as SoftHSM 2.6', async () => {
      await fresh('C_DecryptInit 1 9999999 rv 7');
      const error = await rejectsWith(make().unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['refused'] });
      assert.match(error.message, /RSA-OAEP with SHA-256/);
    });

    it('makes the blob damaged only where it says so of the data', async () => {
      await fresh('C_Decrypt 1 9999999 rv 0x40');
      await rejectsWith(make().unwrap(blob), { code: 'CACHE_CORRUPT', reason: ['damaged'] });
      await fresh('C_Decrypt 1 9999999 rv 5');
      await rejectsWith(make().unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['absent'] });
    });
  });

  describe('a token that takes its time', () => {
    it('holds up neither the event loop nor the end of psi', async () => {
      await fresh('C_Login 1 9999999 delay 20000');
      const wrapper = make();
      await wrapper.wrap(dataKey());
      const slow = rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['absent'] });
      await token.untilCalled('C_Login');
      // Wrapping and thousands of turns of the loop while it hangs in the login.
      await wrapper.wrap(dataKey());
      for (let turn = 0; turn < 5000; turn += 1) await nextTurn();
      await wrapper.close();
      await slow;
    });

    it('costs its caller the deadline, and the next call nothing', async () => {
      await fresh('C_Login 1 1 delay 20000');
      const clock = new FakeClock();
      const wrapper = make({ clock, timeoutMs: 30_000 });
      const slow = rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['timeout'] });
      await token.untilCalled('C_Login');
      await clock.advance(30_000);
      assert.equal((await slow).retry, 'later');
      await wrapper.unwrap(blob);
    });

    it('counts waiting for another call to the deadline', async () => {
      await fresh('C_Login 1 9999999 delay 20000');
      const clock = new FakeClock();
      const wrapper = make({ clock, timeoutMs: 30_000 });
      const calls = [1, 2, 3].map(() =>
        rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['timeout'] }),
      );
      await token.untilCalled('C_Login');
      await clock.advance(30_000);
      await Promise.all(calls);
      assert.equal(await token.calls('C_Login'), 1);
    });
  });

  describe('the choice of token and key', () => {
    const target = (change: Partial<TokenTarget>): TokenTarget => ({ ...token.target, ...change });
    const unnamed = { label: undefined, serial: undefined, slot: undefined };

    it('finds the token by slot, and the key by id', async () => {
      await fresh();
      const wrapper = make({ target: target({ token: { ...unnamed, slot: 2 }, key: { label: undefined, id: '01' } }) });
      await wrapper.unwrap(blob);
    });

    it('finds the token by serial number together with its label', async () => {
      await fresh();
      const serial = '0000000000000000';
      await make({ target: target({ token: { ...token.target.token, serial } }) }).unwrap(blob);
      await rejectsWith(make({ target: target({ token: { ...unnamed, serial } }) }).unwrap(blob), {
        code: 'KEY_UNAVAILABLE',
        reason: ['refused'],
      });
    });

    it('names the tokens that are there when none fits', async () => {
      await fresh();
      const wrapper = make({ target: target({ token: { ...unnamed, label: 'other' } }) });
      const error = await rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['absent'] });
      assert.match(error.message, /PSI test token/);
    });

    it('counts tokens that were initialised alone, and lists no others', async () => {
      await fresh('C_GetTokenInfo 1 9999999 blank 1');
      await make({ target: target({ token: unnamed }) }).unwrap(blob);
      const other = make({ target: target({ token: { ...unnamed, label: 'other' } }) });
      const error = await rejectsWith(other.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['absent'] });
      assert.match(error.message, /\(there: PSI test token \(serial 0000000000000000, slot 2\)\)$/);
      await fresh('C_GetTokenInfo 1 1 blank 1', 'C_GetTokenInfo 2 2 blank 2');
      const none = await rejectsWith(make().unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['absent'] });
      assert.match(none.message, /no token that was initialised/);
    });

    it('names the keys that are there when none fits, or several do', async () => {
      await fresh();
      const none = make({ target: target({ key: { label: 'third', id: undefined } }) });
      const error = await rejectsWith(none.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['refused'] });
      assert.match(error.message, /psi \(id 01\), second \(id 02\)/);
      const both = make({ target: target({ key: { label: undefined, id: undefined } }) });
      await rejectsWith(both.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['refused'] });
    });

    it('tells another key of the same token without a login', async () => {
      await fresh();
      const wrapper = make({ target: target({ key: { label: 'second', id: undefined } }) });
      await rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['other-device'] });
      assert.equal(await token.calls('C_Login'), 0);
    });

    it('says that the module cannot be loaded', async () => {
      const wrapper = make({ target: target({ module: join(token.dir, 'missing.so') }) });
      const error = await rejectsWith(wrapper.unwrap(blob), { code: 'KEY_UNAVAILABLE', reason: ['absent'] });
      assert.equal(error.retry, 'no');
    });
  });

  describe('preflight', () => {
    const lines = async (wrapper: HsmKeyWrapper, module: string, login: boolean): Promise<readonly string[]> =>
      (await preflight(wrapper, { module, login })).map(({ name, problem }) => (problem ? `${name}!` : name));

    it('goes through module, token, PIN, mechanism and key without a login', async () => {
      await fresh();
      const found = await lines(make(), token.target.module, false);
      assert.deepEqual(found, ['module', 'token', 'pin', 'mechanism', 'key', 'decrypt']);
      assert.deepEqual([await token.calls('C_Login'), await token.calls('C_Decrypt')], [0, 0]);
    });

    it('logs in once if asked to, and has a test block unwrapped', async () => {
      await fresh();
      assert.deepEqual((await lines(make(), token.target.module, true)).slice(-2), ['login', 'decrypt']);
      assert.equal(await token.calls('C_Decrypt'), 1);
      assert.equal((await lines(make({ pins: [pinIs('wrong')] }), token.target.module, true)).at(-1), 'login!');
      assert.equal(await token.calls('C_Login'), 2);
    });

    it('tells a token that cannot unwrap from a wrong PIN, by init too', async () => {
      for (const [fault, words] of [
        ['C_DecryptInit 1 9999999 rv 7', /cannot decrypt RSA-OAEP with SHA-256/],
        ['C_DecryptInit 1 9999999 rv 0x71', /cannot decrypt RSA-OAEP with SHA-256/],
        ['C_Decrypt 1 9999999 rv 0x40', /does not get back what its public key has wrapped/],
      ] as const) {
        await fresh(fault);
        const checks = await preflight(make(), { module: token.target.module, login: true });
        assert.deepEqual(
          checks.slice(-2).map(({ name }) => name),
          ['login', 'decrypt'],
        );
        assert.match(checks.at(-1)?.problem?.message ?? '', words);
        const error = await rejectsWith(make().init(), { code: 'KEY_UNAVAILABLE', reason: ['refused'] });
        assert.match(error.message, words);
      }
    });

    it('ends where it fails', async () => {
      await fresh('C_GetSlotList 1 9999999 none 0');
      assert.deepEqual(await lines(make(), '/nowhere/module.so', true), ['module!']);
      assert.deepEqual(await lines(make(), token.target.module, true), ['module', 'ready!']);
    });
  });
});
