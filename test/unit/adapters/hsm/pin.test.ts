import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { PinBook, pinSources, RefusedPins, type PinOrigins } from '../../../../src/adapters/hsm/pin.ts';
import { PsiError } from '../../../../src/core/error.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';

const missing = (): Promise<never> => Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' }));
const file = (text: string) => () => Promise.resolve(Buffer.from(text));
const config = (pin: string) => () => Promise.resolve(SecretValue.fromText(pin));

async function pinOf(origins: Partial<PinOrigins>): Promise<string | undefined> {
  const all = { env: {}, readFile: missing, configured: undefined, ...origins };
  const pin = await new PinBook(pinSources(all)).read();
  return pin && `${pin.value.exposeText()} from ${pin.from}`;
}

describe('PIN of the HSM', () => {
  const env = { CREDENTIALS_DIRECTORY: '/run/credentials/psi', PSI_HSM_PIN: '3' };

  it('is the credential, else the config, else the variable, else none', async () => {
    assert.equal(await pinOf({ env, readFile: file('1\n'), configured: config('2') }), '1 from the credential hsm-pin');
    assert.equal(await pinOf({ env, configured: config('2') }), '2 from the config (cache.hsm.pin)');
    assert.equal(await pinOf({ env }), '3 from the variable PSI_HSM_PIN');
    assert.equal(await pinOf({}), undefined);
  });

  it('is no empty text', async () => {
    assert.equal(await pinOf({ env: { ...env, PSI_HSM_PIN: '' }, readFile: file('\r\n') }), undefined);
  });

  it('is not looked for elsewhere when its place cannot be read', async () => {
    const refused = (): Promise<never> => Promise.reject(Object.assign(new Error('no'), { code: 'EACCES' }));
    await assert.rejects(pinOf({ env, readFile: refused, configured: config('2') }), (error) => {
      assert.ok(error instanceof PsiError);
      assert.deepEqual([error.code, error.details['reason'], error.retry], ['KEY_UNAVAILABLE', 'auth', 'no']);
      return true;
    });
  });

  it('is remembered as refused, but not kept', async () => {
    const book = new PinBook(pinSources({ env, readFile: missing, configured: undefined }));
    const pin = await book.read();
    assert.ok(pin);
    assert.equal(book.isRefused(pin), false);
    book.refuse(pin);
    assert.equal(book.isRefused(pin), true);
    assert.equal(book.isRefused({ ...pin, value: SecretValue.fromText('4') }), false);
  });

  it('is remembered by all who use that token, and not for another token', async () => {
    const refused = new RefusedPins();
    const bookOf = (token: string): PinBook =>
      new PinBook(pinSources({ env, readFile: missing, configured: undefined }), { refused, token });
    const pin = await bookOf('one').read();
    assert.ok(pin);
    bookOf('one').refuse(pin);
    assert.deepEqual([bookOf('one').isRefused(pin), bookOf('two').isRefused(pin)], [true, false]);
  });
});
