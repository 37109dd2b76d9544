// What everything does that reads and edits quadlet files.

import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';

import { DROP_IN_MARK } from '../../src/registration/drop-in.ts';
import type { QuadletFiles } from '../../src/transfer/quadlet/quadlet-files.ts';

export type QuadletFilesUnderTest = {
  readonly files: QuadletFiles;
  /** Puts a file into the quadlet folder, or below it. Answers its path. */
  readonly put: (name: string, content: string | Uint8Array) => Promise<string>;
};

const NO_TEXT = Uint8Array.of(0x23, 0xe9, 0x0a);

export function quadletFilesContract(name: string, make: () => Promise<QuadletFilesUnderTest>): void {
  describe(`${name} as quadlet files`, () => {
    it('reads a unit and its drop-ins in the order of their names, and says which others read too', async () => {
      const { files, put } = await make();
      const path = await put('app.container', '[Container]\n');
      const second = await put('app.container.d/20-b.conf', 'b');
      const first = await put('app.container.d/10-a.conf', 'a');
      const all = await put('container.d/15-all.conf', 'all');
      assert.deepEqual(await files.read(path), {
        unit: { path, text: '[Container]\n' },
        dropIns: [
          { path: first, text: 'a', shared: false },
          { path: all, text: 'all', shared: true },
          { path: second, text: 'b', shared: false },
        ],
      });
    });

    it('leaves out what the unit does not read: other units, other files, a name that its own folder hides', async () => {
      const { files, put } = await make();
      const path = await put('app.container', '');
      await put('other.container.d/a.conf', '');
      await put('app.container.d/notes.txt', '');
      await put('container.d/a.conf', 'hidden');
      const own = await put('app.container.d/a.conf', 'own');
      assert.deepEqual((await files.read(path)).dropIns, [{ path: own, text: 'own', shared: false }]);
    });

    it("leaves out PSI's own drop-in", async () => {
      const { files, put } = await make();
      const path = await put('app.container', '');
      await put('app.container.d/50-secrets.conf', `${DROP_IN_MARK}\n`);
      assert.deepEqual((await files.read(path)).dropIns, []);
    });

    it('says what is not there, and what is no text', async () => {
      const { files, put } = await make();
      const absent = `${dirname(await put('app.container', ''))}/none.container`;
      const missing = { code: 'NOT_FOUND', message: /none\.container/, hint: /./ };
      await assert.rejects(files.read(absent), missing);
      await assert.rejects(files.readEnvFile(absent), missing);
      await assert.rejects(files.replace({ path: absent, before: '', after: 'new' }), missing);
      await assert.rejects(files.read(await put('latin.container', NO_TEXT)), { code: 'BAD_REQUEST', hint: /./ });
    });

    it('gives an env file as the bytes that it is', async () => {
      const { files, put } = await make();
      const bytes = await files.readEnvFile(await put('app.env', NO_TEXT));
      assert.deepEqual(Uint8Array.from(bytes), NO_TEXT);
    });

    it('an edit keeps each old text in a file of its own', async () => {
      const { files, put } = await make();
      const path = await put('app.container', 'first');
      const one = await files.replace({ path, before: 'first', after: 'second' });
      const two = await files.replace({ path, before: 'second', after: 'third' });
      const texts = await Promise.all([path, one, two].map(async (file) => (await files.read(file)).unit.text));
      assert.deepEqual(texts, ['third', 'first', 'second']);
    });

    it('a text that was changed meanwhile stays as it is', async () => {
      const { files, put } = await make();
      const path = await put('app.container', 'changed');
      await assert.rejects(files.replace({ path, before: 'old', after: 'new' }), { code: 'CONFLICT', hint: /./ });
      assert.equal((await files.read(path)).unit.text, 'changed');
    });
  });
}
