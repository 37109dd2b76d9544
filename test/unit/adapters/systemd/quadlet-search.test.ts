import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { quadletFolders, quadletRoots } from '../../../../src/adapters/systemd/quadlet-folders.ts';
import { QuadletSearch } from '../../../../src/adapters/systemd/quadlet-search.ts';
import { FakeUnitManager } from '../../../fakes/unit-manager.fake.ts';

async function stage(t: TestContext) {
  const base = await mkdtemp(join(tmpdir(), 'psi-quadlets-'));
  t.after(() => rm(base, { recursive: true }));
  const [first, second] = [join(base, 'run'), join(base, 'etc')];
  await mkdir(join(second, 'sub', 'deep'), { recursive: true });
  const units = new FakeUnitManager();
  return { base, second, units, search: new QuadletSearch({ roots: [{ folder: first }, { folder: second }], units }) };
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

test('lists what can have secrets: of a name in two folders the one that Podman reads, and of a hostile name what can be read of it', async (t) => {
  const { base, second, search } = await stage(t);
  await mkdir(join(base, 'run'));
  await writeFile(join(base, 'run', 'a.container'), 'first');
  await writeFile(join(second, 'a.container'), 'second');
  await writeFile(join(second, 'sub', 'deep', 'b@.container'), 'deep');
  await symlink('/nowhere', join(second, 'c.container'));
  await symlink('sub', join(second, 'linked.container'));
  await mkdir(join(second, 'd.container'));
  await mkdir(join(second, 'e.container.d'));
  for (const other of ['f.pod', 'g.kube', 'h.volume']) await writeFile(join(second, other), '');
  await writeFile(Buffer.concat([Buffer.from(`${second}/i`), Buffer.from([0xff]), Buffer.from('.container')]), '');
  await writeFile(join(second, 'line\nend.container'), 'hostile');
  assert.deepEqual(
    (await search.list()).map(({ unit, text }) => [unit, text]),
    [
      ['a.container', 'first'],
      ['b@.container', 'deep'],
      ['c.container', undefined],
      ['i\ufffd.container', undefined],
      ['line\nend.container', 'hostile'],
    ],
  );
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

test("a user's quadlets are looked for where Podman looks for them, and not among those of others", async (t) => {
  const roots = quadletRoots({ ...PLACES, scope: 'user', uid: 1000 });
  assert.deepEqual(
    roots.map(({ folder }) => folder),
    [
      '/run/user/1000/containers/systemd',
      '/home/u/.config/containers/systemd',
      '/etc/containers/systemd/users',
      '/etc/containers/systemd/users/1000',
      '/usr/share/containers/systemd/users',
    ],
  );
  const { base } = await stage(t);
  const users = join(base, 'users');
  for (const name of ['1000/app', '1001', 'apps', 'apps/app.container.d']) {
    await mkdir(join(users, name), { recursive: true });
  }
  const here = roots.slice(2, 4).map(({ folder, ...root }) => ({ ...root, folder: join(base, folder.slice(23)) }));
  assert.deepEqual(await quadletFolders(here), [
    users,
    join(users, 'apps'),
    join(users, '1000'),
    join(users, '1000/app'),
  ]);
});

test("the system's quadlets are looked for without those of the users, and first in psi's own folder if it is another", () => {
  const roots = quadletRoots({ ...PLACES, scope: 'system', uid: 0, systemdDir: '/srv/q' });
  assert.deepEqual(
    roots.map(({ folder }) => folder),
    ['/srv/q', '/run/containers/systemd', '/etc/containers/systemd', '/usr/share/containers/systemd'],
  );
  assert.ok(roots[2]?.others?.test('users'));
});

test('a .kube or a .pod is told where no .container of the name is', async (t) => {
  const { second, search } = await stage(t);
  await writeFile(join(second, 'sub', 'a.kube'), '');
  await writeFile(join(second, 'b.pod'), '');
  await writeFile(join(second, 'c.pod'), '');
  await writeFile(join(second, 'c.container'), '');
  assert.equal(await search.namesake('a.container'), join(second, 'sub', 'a.kube'));
  assert.equal(await search.namesake('b.container'), join(second, 'b.pod'));
  assert.equal(await search.namesake('c.container'), undefined);
  assert.equal(await search.namesake('d.container'), undefined);
});

const PLACES = {
  config: '/home/u/.config',
  runtime: '/run/user/1000',
  systemdDir: '/home/u/.config/containers/systemd',
};
