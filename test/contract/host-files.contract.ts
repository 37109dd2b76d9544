// What every implementation of host files does. Paths lie below the folder that `make` gives.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { HostFiles } from '../../src/host/host-files.ts';

export function hostFilesContract(name: string, make: () => Promise<{ files: HostFiles; root: string }>): void {
  describe(`${name} as files of the host`, () => {
    it('gives back what was written last', async () => {
      const { files, root } = await make();
      assert.equal(await files.read(`${root}/a/b.conf`), undefined);
      await files.write(`${root}/a/b.conf`, 'one', 0o644);
      await files.write(`${root}/a/b.conf`, 'two', 0o644);
      assert.equal(await files.read(`${root}/a/b.conf`), 'two');
    });

    it('creates a folder once, tightens one that grants more, and keeps one that grants less', async () => {
      const { files, root } = await make();
      assert.equal(await files.folder(`${root}/f`, 0o755), 'created');
      assert.equal(await files.folder(`${root}/f`, 0o755), 'unchanged');
      assert.equal(await files.folder(`${root}/f`, 0o700), 'tightened');
      assert.equal(await files.folder(`${root}/f`, 0o755), 'unchanged');
    });

    it('tells a folder from what is none', async () => {
      const { files, root } = await make();
      await files.write(`${root}/d/file`, 'text', 0o644);
      await files.folder(`${root}/e`, 0o755);
      const asked = ['d', 'e', 'd/file', 'f'].map((name) => files.hasFolder(`${root}/${name}`));
      assert.deepEqual(await Promise.all(asked), [true, true, false, false]);
    });

    it('links once, moves a link that leads elsewhere, and refuses what is no link', async () => {
      const { files, root } = await make();
      assert.equal(await files.link(`${root}/x.wants/a`, '/one'), 'created');
      assert.equal(await files.link(`${root}/x.wants/a`, '/one'), 'unchanged');
      assert.equal(await files.link(`${root}/x.wants/a`, '/two'), 'created');
      await files.write(`${root}/file`, 'text', 0o644);
      await assert.rejects(files.link(`${root}/file`, '/one'), { code: 'CONFLICT' });
    });
  });
}
