import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { quadletFolders, QuadletSearch } from '../../../../src/adapters/systemd/quadlet-search.ts';
import { FakeUnitManager } from '../../../fakes/unit-manager.fake.ts';

async function stage(t: TestContext) {
  const base = await mkdtemp(join(tmpdir(), 'psi-quadlets-'));
  t.after(() => rm(base, { recursive: true }));
  const [first, second] = [join(base, 'run'), join(base, 'etc')];
  await mkdir(join(second, 'sub', 'deep'), { recursive: true });
  const units = new FakeUnitManager();
  return { base, second, units, search: new QuadletSearch({ folders: [first, second], units }) };
}

test('finds a quadlet in any folder, below it, and behind a link', async (t) => {
  const { base, second, search } = await stage(t);
  await writeFile(join(second, 'a.container'), '');
  await writeFile(join(second, 'sub', 'deep', 'b.container'), '');
  await mkdir(join(base, 'elsewhere'));
  await writeFile(join(base, 'elsewhere', 'c.container'), '');
  await symlink(join(base, 'elsewhere'), join(second, 'linked'));
  await symlink('a.container', join(second, 'd@one.container'));
  for (const unit of ['a.container', 'b.container', 'c.container', 'd@one.container']) {
    assert.match((await search.find(unit)) ?? '', new RegExp(`/${unit} is there$`), unit);
  }
});

test('a drop-in folder is no quadlet, and what is nowhere is not found', async (t) => {
  const { second, search } = await stage(t);
  await mkdir(join(second, 'a.container.d'));
  await mkdir(join(second, 'b.container'));
  for (const unit of ['a.container', 'b.container']) assert.equal(await search.find(unit), undefined, unit);
});

test('asks systemd where no folder that it sees has the quadlet', async (t) => {
  const { units, search } = await stage(t);
  units.units.add('tm@.service');
  assert.equal(await search.find('tm@.container'), 'systemd has tm@.service');
});

test('a folder of links that lead round is looked through once', async (t) => {
  const { second, search } = await stage(t);
  await symlink(second, join(second, 'sub', 'round'));
  assert.equal(await search.find('a.container'), undefined);
});

test("a user's quadlets are looked for in the user's folders", () => {
  const places = { config: '/home/u/.config', runtime: '/run/user/1000' };
  assert.ok(quadletFolders(places, 1000).includes('/home/u/.config/containers/systemd'));
  assert.ok(quadletFolders(places, undefined).includes('/usr/share/containers/systemd'));
});
