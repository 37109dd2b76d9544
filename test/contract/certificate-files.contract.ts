// What every CertificateFiles keeps, on the fake and on the file system.
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { CertificateOutput } from '../../src/certificates/certificate.ts';
import type { CertificateMaterial } from '../../src/certificates/certificate-authority.ts';
import type { CertificateFiles } from '../../src/certificates/certificate-files.ts';

export type FilesUnderTest = {
  readonly files: CertificateFiles;
  readonly output: CertificateOutput;
  readonly now: number;
  /** Another pair each time, valid now; or one that is not what it should be. */
  readonly material: (fault?: 'wrong key' | 'no key' | 'ended' | 'unreadable') => CertificateMaterial;
  /** As an operator would, by hand. */
  readonly removeKey: () => Promise<void>;
};

export function certificateFilesContract(name: string, start: () => Promise<FilesUnderTest>): void {
  describe(`certificate files: ${name}`, () => {
    let on: FilesUnderTest;
    beforeEach(async () => {
      on = await start();
    });
    const inspect = (): ReturnType<CertificateFiles['inspect']> => on.files.inspect('web', on.output);
    const replace = (material = on.material()): ReturnType<CertificateFiles['replace']> =>
      on.files.replace('web', on.output, material, on.now);

    test('hold nothing at first, and then what was put in place', async () => {
      assert.equal(await inspect(), undefined);
      const first = await replace();
      assert.deepEqual(await inspect(), first);
      const second = await replace();
      assert.notEqual(second.serial, first.serial);
      assert.deepEqual(await inspect(), second);
    });

    test('are no pair any more when the key is gone, and come back', async () => {
      await replace();
      await on.removeKey();
      assert.equal(await inspect(), undefined);
      const again = await replace();
      assert.deepEqual(await inspect(), again);
    });

    for (const fault of ['wrong key', 'no key', 'ended', 'unreadable'] as const) {
      test(`stay as they are when what comes has ${fault}`, async () => {
        const good = await replace();
        await assert.rejects(replace(on.material(fault)), { code: 'BAD_CERTIFICATE', hint: /./ });
        assert.deepEqual(await inspect(), good);
      });
    }
  });
}
