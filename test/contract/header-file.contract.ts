// What every header file does.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SecretValue } from '../../src/core/secret-value.ts';
import type { HeaderFile } from '../../src/registration/driver-command/header-file.ts';

export function headerFileContract(name: string, make: () => Promise<HeaderFile>): void {
  describe(`${name} as a header file`, () => {
    it('holds the token that was written last, and no other', async () => {
      const file = await make();
      assert.equal(await file.holds(SecretValue.fromText('first')), false);
      assert.equal(await file.read(), undefined);
      await file.write(SecretValue.fromText('first'));
      assert.equal((await file.read())?.exposeText(), 'first');
      assert.equal(await file.holds(SecretValue.fromText('first')), true);
      assert.equal(await file.holds(SecretValue.fromText('other')), false);
      await file.write(SecretValue.fromText('other'));
      assert.equal(await file.holds(SecretValue.fromText('first')), false);
      assert.equal(await file.holds(SecretValue.fromText('other')), true);
    });

    it('refuses a token that could end its line, and keeps the one it has', async () => {
      const file = await make();
      await file.write(SecretValue.fromText('good'));
      for (const bad of ['', 'a\nb', 'a\r', 'a b', 'ü']) {
        await assert.rejects(file.write(SecretValue.fromText(bad)), { code: 'CONFIG_INVALID' });
      }
      assert.equal(await file.holds(SecretValue.fromText('good')), true);
    });
  });
}
