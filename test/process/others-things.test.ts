// What belongs to somebody else stays as it is: a secret of Podman's whose id PSI is given by mistake, and files that a link of somebody else
// leads a write to. By commands, sockets and files alone.

import assert from 'node:assert/strict';
import { chmod, chown, lstat, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { ask } from '../hosts/psi-process.ts';
import { run } from '../hosts/run.ts';
import { said, stage, type Observed } from './observed/stage.ts';

const USER = 61_234;
const skip = process.getuid?.() === 0 ? false : 'needs root';
const FOREIGN = {
  name: 'somebodys',
  driver: 'file',
  options: {},
  labels: {},
  body: new Uint8Array([1]),
  replace: false,
};

test("a secret that is not psi's is not removed, though podman answers a create with its id", async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a' } } });
  const foreign = await it.podman.create(FOREIGN);
  it.podman.answerId = foreign;
  const setup = await it.setup();
  assert.notEqual(setup.code, 0);
  assert.ok(
    (await it.podman.list()).some(({ id }) => id === foreign),
    said(setup),
  );
  assert.match(said(setup), /app--A.*the id that it gave is that of the secret somebodys; nothing was removed/);
  assert.match(said(setup), /hint: .*`podman exec psi psi setup`/);
  // The command of the hint, once Podman is itself again; twice.
  it.podman.answerId = undefined;
  for (const again of [1, 2]) assert.equal((await it.setup()).code, 0, String(again));
  assert.deepEqual(await it.targets(), ['A']);
  assert.equal((await it.lookup('A')).ok, true);
});

test('an id that is the name of a folder of psi is none, and the folder can be made', async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a' } } });
  const mapping = JSON.stringify({ provider: 'infisical', project: 'main', path: '/app', key: 'A' });
  const { status, headers } = await ask(it.psi.socket, 'POST', '/store/tls', mapping);
  assert.deepEqual([status, headers['psi-code']], [400, 'BAD_REQUEST']);
  const names: readonly string[] = await readdir(it.psi.stateDir).catch(() => []);
  assert.ok(!names.includes('tls'));
});

test('a file where the folder of certificates belongs: the command of the hint shows it', async (t) => {
  const it = await stage(t, {
    provider: {
      tls: {
        certificates: {
          web: {
            ...{ project: 'main', profile_id: '3d2a9c11-0000-4000-8000-000000000000', common_name: 'web.example.com' },
            output: { cert: '/nowhere/at/all/web.pem', key: '/nowhere/at/all/web.key', chain: '/nowhere/at/all/c.pem' },
          },
        },
      },
    },
  });
  const file = join(it.psi.stateDir, 'tls');
  await mkdir(it.psi.stateDir, { recursive: true });
  for (const again of [1, 2]) {
    await writeFile(file, 'a mapping');
    const failed = await it.psi.cli('infisical', 'tls', 'renew');
    const [, command = ''] = /hint: `([^`]+)` shows what on the way is no folder/.exec(said(failed)) ?? [];
    const shown = await run(['sh', '-c', command]);
    assert.match(shown.stdout, /^ *-.* tls$/m, said(failed));
    await rm(file);
    assert.doesNotMatch(said(await it.psi.cli('infisical', 'tls', 'status')), /no folder/, String(again));
  }
});

/** A folder of the user, and one of root's with a file that must stay. */
async function places(it: Observed): Promise<{ readonly own: string; readonly precious: string }> {
  const { dir } = it.options;
  await chmod(dir, 0o755);
  const [home, roots] = [join(dir, 'home'), join(dir, 'roots')];
  await mkdir(join(home, 'app'), { recursive: true });
  await mkdir(roots);
  await writeFile(join(roots, 'key'), 'precious');
  for (const path of [home, join(home, 'app')]) await chown(path, USER, USER);
  return { own: join(home, 'app'), precious: join(roots, 'key') };
}

const write = (it: Observed, out: string): ReturnType<Observed['setup']> =>
  it.psi.cli(...['infisical', 'write-file', 'A', out, '--project', 'main', '--path', '/app', '--owner', String(USER)]);

test('write-file overwrites nothing that the owner of the folder leads it to by a link', { skip }, async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a' } } });
  const { own, precious } = await places(it);
  const asked = join(own, 'key');
  assert.equal((await write(it, asked)).code, 0);
  assert.deepEqual([await readFile(asked, 'utf8'), (await stat(asked)).uid], ['value a', USER]);
  await rm(own, { recursive: true });
  const roots = join(precious, '..');
  const linked = await run(['setpriv', `--reuid=${String(USER)}`, '--clear-groups', 'ln', '-s', roots, own]);
  assert.equal(linked.code, 0, said(linked));
  const refused = await write(it, asked);
  assert.deepEqual([await readFile(precious, 'utf8'), (await stat(precious)).uid], ['precious', 0]);
  assert.equal(refused.code, 73, said(refused));
  assert.ok(
    refused.stderr.includes(`${asked} is not written through a link: the user ${String(USER)} can change`),
    said(refused),
  );
  // The walk of the hint names where it leads: root may say that it is meant, and a folder in the place of the link is one again.
  const [, real = ''] = /it leads to (\S+) now/.exec(refused.stderr) ?? assert.fail(said(refused));
  assert.equal(real, precious);
  await rm(own);
  await mkdir(own);
  assert.equal((await write(it, asked)).code, 0);
  assert.deepEqual(await readdir(own), ['key']);
});

test('write-file follows links of root, and those of a user within what is his', { skip }, async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a' } } });
  const { own } = await places(it);
  const { dir } = it.options;
  await symlink(own, join(dir, 'by-root'));
  assert.equal((await write(it, join(dir, 'by-root/key'))).code, 0);
  await rename(own, `${own}-2`);
  const linked = await run(['setpriv', `--reuid=${String(USER)}`, '--clear-groups', 'ln', '-s', `${own}-2`, own]);
  assert.equal(linked.code, 0);
  assert.equal((await write(it, join(own, 'other'))).code, 0);
  assert.deepEqual((await readdir(`${own}-2`)).sort(), ['key', 'other']);
});

test('an import edits no quadlet that its owner leads it to by a link', { skip }, async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a' } } });
  const { own, precious } = await places(it);
  const text = '[Container]\nImage=x\nEnvironment=NEW=value\n';
  const roots = join(precious, '..');
  await writeFile(join(roots, 'web.container'), text);
  await rm(own, { recursive: true });
  await run(['setpriv', `--reuid=${String(USER)}`, '--clear-groups', 'ln', '-s', roots, own]);
  const quadlet = join(own, 'web.container');
  const place = ['--project', 'main', '--path', '/web'];
  const result = await it.psi.cli('infisical', 'import', 'quadlet', quadlet, ...place, '--rewrite');
  assert.equal(await readFile(join(roots, 'web.container'), 'utf8'), text, said(result));
  assert.deepEqual((await readdir(roots)).sort(), ['key', 'web.container']);
  assert.equal((await lstat(precious)).uid, 0);
  assert.notEqual(result.code, 0);
});
