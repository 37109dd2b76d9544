import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { DropInFiles } from '../../../../src/adapters/systemd/drop-in-file.ts';
import { DROP_IN_MARK } from '../../../../src/registration/drop-in.ts';
import { dropInStoreContract } from '../../../contract/drop-in-store.contract.ts';
import { FakeDropInStore } from '../../../fakes/drop-in-store.fake.ts';

const TEXT = `${DROP_IN_MARK}\n\n[Container]\n`;

describe('drop-in files', () => {
  let base: string;
  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'psi-drop-ins-'));
  });
  after(() => rm(base, { recursive: true }));
  const folder = () => mkdtemp(join(base, 'quadlets-'));

  dropInStoreContract('the fake', () => {
    const store = new FakeDropInStore();
    const foreign = (unit: string) => Promise.resolve(void store.foreign.add(unit));
    return Promise.resolve({ store, foreign });
  });
  dropInStoreContract('the folder', async () => {
    const systemdDir = await folder();
    const foreign = async (unit: string) => {
      await mkdir(join(systemdDir, `${unit}.d`), { recursive: true });
      await writeFile(join(systemdDir, `${unit}.d`, '50-secrets.conf'), '[Container]\n');
    };
    return { store: new DropInFiles({ systemdDir }), foreign };
  });

  it('writes 50-secrets.conf into the folder of the unit, readable by all, and nothing beside it', async () => {
    const systemdDir = await folder();
    await new DropInFiles({ systemdDir }).write({ unit: 'worker@.container', text: TEXT });
    const dir = join(systemdDir, 'worker@.container.d');
    assert.equal(await readFile(join(dir, '50-secrets.conf'), 'utf8'), TEXT);
    assert.equal((await stat(join(dir, '50-secrets.conf'))).mode & 0o777, 0o644);
    assert.deepEqual(await readdir(dir), ['50-secrets.conf']);
    await new DropInFiles({ systemdDir }).remove('worker@.container');
    assert.deepEqual(await readdir(systemdDir), []);
  });

  it("keeps the folder of a unit that has the operator's own drop-ins", async () => {
    const systemdDir = await folder();
    const store = new DropInFiles({ systemdDir });
    await store.write({ unit: 'app.container', text: TEXT });
    await writeFile(join(systemdDir, 'app.container.d', '60-mine.conf'), '');
    await store.remove('app.container');
    assert.deepEqual(await readdir(join(systemdDir, 'app.container.d')), ['60-mine.conf']);
  });

  it('names the file of somebody else and how to keep both', async () => {
    const systemdDir = await folder();
    const path = join(systemdDir, 'app.container.d', '50-secrets.conf');
    await mkdir(join(systemdDir, 'app.container.d'));
    await writeFile(path, '[Container]\n');
    await assert.rejects(new DropInFiles({ systemdDir }).write({ unit: 'app.container', text: TEXT }), {
      message: `${path} was not written by psi`,
      hint: /^look at it, then `mv /,
    });
    assert.equal(await readFile(path, 'utf8'), '[Container]\n');
  });

  it('writes through no symbolic link', async () => {
    const systemdDir = await folder();
    const elsewhere = await folder();
    const store = new DropInFiles({ systemdDir });
    await symlink(elsewhere, join(systemdDir, 'a.container.d'));
    await mkdir(join(systemdDir, 'b.container.d'));
    await symlink(join(elsewhere, 'target'), join(systemdDir, 'b.container.d', '50-secrets.conf'));
    for (const unit of ['a.container', 'b.container']) {
      await assert.rejects(store.write({ unit, text: TEXT }), { code: 'CONFLICT', message: /symbolic link/ });
      await assert.rejects(store.remove(unit), { code: 'CONFLICT' });
    }
    assert.deepEqual(await readdir(elsewhere), []);
  });

  it('never makes a path of what is no unit name', async () => {
    const store = new DropInFiles({ systemdDir: await folder() });
    for (const unit of [
      '',
      '../x.container',
      'a/b.container',
      '.container',
      'x.service',
      '..container',
      'a\nb.container',
    ]) {
      await assert.rejects(store.write({ unit, text: TEXT }), { code: 'HOST' }, unit);
    }
  });

  it('has no drop-ins when the folder is missing, and creates it to write one', async () => {
    const systemdDir = join(await folder(), 'containers', 'systemd');
    const store = new DropInFiles({ systemdDir });
    assert.deepEqual(await store.list(), []);
    await store.write({ unit: 'app.container', text: TEXT });
    assert.deepEqual(await store.list(), [{ unit: 'app.container', text: TEXT }]);
  });

  it('gives an instance a file of another name than its template, which would be hidden by it', async () => {
    const systemdDir = await folder();
    const store = new DropInFiles({ systemdDir });
    for (const unit of ['tm@.container', 'tm@one.container', 'tm-.container', 'tm-@.container', 'tm-a-.container']) {
      await store.write({ unit, text: TEXT });
    }
    const names = await Promise.all((await readdir(systemdDir)).map((name) => readdir(join(systemdDir, name))));
    assert.deepEqual(names.flat().sort(), [
      '49-secrets-prefix-1.conf',
      '49-secrets-prefix-1@.conf',
      '49-secrets-prefix-2.conf',
      '50-secrets.conf',
      '51-secrets-instance.conf',
    ]);
  });

  it("moves what was written for an instance under its template's name, and removes it too", async () => {
    const systemdDir = await folder();
    const store = new DropInFiles({ systemdDir });
    const dir = join(systemdDir, 'tm@one.container.d');
    const former = async (): Promise<void> => {
      await mkdir(dir, { recursive: true });
      await writeFile(join(dir, '50-secrets.conf'), TEXT);
    };
    await former();
    assert.deepEqual(await store.list(), [{ unit: 'tm@one.container', text: TEXT, misplaced: true }]);
    await store.write({ unit: 'tm@one.container', text: TEXT });
    assert.deepEqual(await readdir(dir), ['51-secrets-instance.conf']);
    assert.deepEqual(await store.list(), [{ unit: 'tm@one.container', text: TEXT }]);
    await former();
    assert.deepEqual(await store.list(), [{ unit: 'tm@one.container', text: TEXT, misplaced: true }]);
    await store.write({ unit: 'tm@one.container', text: `${TEXT}# new\n` });
    assert.deepEqual(await readdir(dir), ['51-secrets-instance.conf']);
    await former();
    await store.remove('tm@one.container');
    assert.deepEqual(await readdir(systemdDir), []);
  });

  it("names somebody's file that hides the drop-in of a template, and leaves it", async () => {
    const systemdDir = await folder();
    const store = new DropInFiles({ systemdDir });
    await store.write({ unit: 'tm@.container', text: TEXT });
    const path = join(systemdDir, 'tm@x.container.d', '50-secrets.conf');
    await mkdir(join(systemdDir, 'tm@x.container.d'));
    await writeFile(path, '[Container]\n');
    const remedy = `\`mv ${path} ${join(dirname(path), '60-local.conf')} && systemctl daemon-reload\``;
    assert.deepEqual(await store.hiders('tm@.container'), [{ path, remedy }]);
    assert.deepEqual(await store.hiders('tm@x.container'), []);
    await store.write({ unit: 'tm@x.container', text: TEXT });
    assert.equal(await readFile(path, 'utf8'), '[Container]\n');
  });

  it('names whatever lies in a folder that Podman reads before its own, for the reader of one and of the other', async () => {
    const [earlier, systemdDir] = [await folder(), await folder()];
    const roots = [{ folder: earlier }, { folder: systemdDir }];
    const store = new DropInFiles({ systemdDir, roots, scope: 'user' });
    for (const [unit, name, text] of [
      ['app.container', 'app.container.d/50-secrets.conf', TEXT],
      ['app.container', 'sub/container.d/50-secrets.conf', '[Container]\n'],
      ['tm@x.container', 'tm@x.container.d/51-secrets-instance.conf', '[Container]\nSecret=a\n'],
    ] as const) {
      assert.deepEqual(await store.hiders(unit), []);
      const path = join(earlier, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
      const [hider, ...others] = await store.hiders(unit);
      assert.deepEqual([hider?.path, others], [path, []]);
      assert.match(hider?.remedy ?? '', /^`mv .* && systemctl --user daemon-reload`$/);
      await rm(path);
    }
  });

  it("keeps no line of somebody's file that would give the workload a secret twice", async () => {
    const systemdDir = await folder();
    const store = new DropInFiles({ systemdDir });
    assert.equal(await store.refused('app.container'), undefined);
    const path = join(systemdDir, 'app.container.d', '50-secrets.conf');
    await mkdir(dirname(path));
    for (const [text, away] of [
      ['[Container]\nSecret=app--A,type=env\n', `${path}.away`],
      ['[Container]\nEnvironment=A=1\n', join(dirname(path), '60-local.conf')],
    ] as const) {
      await writeFile(path, text);
      assert.ok((await store.refused('app.container'))?.hint?.includes(`\`mv ${path} ${away}\``));
    }
  });
});
