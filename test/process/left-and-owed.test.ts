// A workload keeps what it had, and what a setup left is done by the service itself: by commands, sockets and files alone.

import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { CLIENT, said, stage, type Observed } from './observed/stage.ts';

/** Far more than any of this takes. */
const SOON_MS = 20_000;

/** Asked again and again, as a person would: nothing tells when the service does something by itself. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + SOON_MS;
  while (!(await holds())) assert.ok(Date.now() < deadline, what);
}

const APP = [{ project: 'main', path: '/app' }];

function configure(it: Observed, workloads: Readonly<Record<string, unknown>>): Promise<void> {
  return it.psi.writeConfig({ ...it.options, workloads });
}

test('a mistyped name of a workload takes no drop-in of a unit whose quadlet is there, and the hint mends what it says', async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a', B: 'value b' } } });
  await writeFile(join(it.psi.systemdDir, 'app.container'), '[Container]\nImage=x\n');
  await it.registered();
  await configure(it, { ap: { secrets: APP } });
  const setup = await it.setup();
  assert.deepEqual(await it.targets(), ['A', 'B']);
  assert.equal(setup.code, 4, said(setup));
  assert.match(setup.stderr, /^left: app\.container: /m);
  for (const key of ['A', 'B']) assert.equal((await it.lookup(key)).ok, true);
  const status = await it.psi.cli('status');
  assert.match(status.stdout, /^problem app\.container: setup left it as it was: /m);
  assert.doesNotMatch(status.stdout, /setup owed/, 'no setup mends a config');
  const command = /`podman exec psi psi (prune [^`]+)`/.exec(setup.stderr)?.[1] ?? assert.fail(said(setup));
  for (const again of ['', 'again']) {
    const pruned = await it.psi.cli(...command.split(' '));
    assert.equal(pruned.code, 0, `${again}${said(pruned)}`);
    assert.doesNotMatch((await it.psi.cli('status')).stdout, /problem/);
  }
  assert.deepEqual(await it.targets(), []);
  assert.equal((await it.setup()).code, 0);
});

/** The targets of all drop-ins that Podman reads for a unit: of two with one name only the one in the more specific folder. */
async function merged(systemdDir: string, ...folders: readonly string[]): Promise<readonly string[]> {
  const texts = new Map<string, string>();
  for (const folder of folders) {
    for (const name of await readdir(join(systemdDir, folder)).catch(() => []))
      if (!texts.has(name)) texts.set(name, await readFile(join(systemdDir, folder, name), 'utf8'));
  }
  const found = [...texts.values()].flatMap((text) => [...text.matchAll(/^Secret=.*\btarget=([^,\n]+)/gm)]);
  return found.map(([, target = '']) => target).sort();
}

test('an instance gets the secrets of its template beside its own', async (t) => {
  const it = await stage(t, { folders: { '/tmpl': { COMMON: 'c' }, '/one': { ONLY_ONE: 'o' } } });
  await configure(it, {
    'tm@': { secrets: [{ project: 'main', path: '/tmpl' }] },
    one: { unit: 'tm@one.container', secrets: [{ project: 'main', path: '/one' }] },
  });
  const setup = await it.setup();
  assert.equal(setup.code, 0, said(setup));
  const { systemdDir } = it.psi;
  assert.deepEqual(await merged(systemdDir, 'tm@one.container.d', 'tm@.container.d'), ['COMMON', 'ONLY_ONE']);
  assert.deepEqual(await merged(systemdDir, 'tm@.container.d'), ['COMMON']);
  // Somebody's own file of that name.
  await mkdir(join(systemdDir, 'tm@two.container.d'));
  await writeFile(join(systemdDir, 'tm@two.container.d', '50-secrets.conf'), '[Container]\n');
  const again = await it.setup();
  assert.ok(again.code === 4 && /tm@two\.container\.d\/50-secrets\.conf: .*hides it/.test(again.stderr), said(again));
});

test('a secret that somebody put in the place of one of its own, or that Podman would not make, costs no line', async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a', B: 'value b' } } });
  await it.registered();
  await it.podman.remove('app--B');
  const foreign = {
    name: 'app--B',
    driver: 'file',
    options: {},
    labels: {},
    body: new Uint8Array([1]),
    replace: false,
  };
  await it.podman.create(foreign);
  const setup = await it.setup();
  assert.deepEqual(await it.targets(), ['A', 'B'], said(setup));
  assert.ok(setup.code === 4 && /app--B: .*psi did not make/.test(setup.stderr), said(setup));
  await it.podman.remove('app--B');
  it.podman.refuseCreate = { status: 500, reason: 'no space left on device', message: 'no space left on device' };
  const refused = await it.setup();
  assert.deepEqual(await it.targets(), ['A', 'B'], said(refused));
  assert.equal(refused.code, 4, said(refused));
  it.podman.refuseCreate = undefined;
  assert.equal((await it.setup()).code, 0);
});

test('a lost mapping of a secret whose value may not be read costs no line', async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a', B: 'value b' } } });
  await it.registered();
  const { id = '' } = (await it.podman.list()).find(({ name }) => name === 'app--B') ?? {};
  await it.psi.stop();
  await rm(join(it.psi.stateDir, id));
  it.hide('/app', 'B');
  await it.restart();
  const setup = await it.setup();
  assert.deepEqual(await it.targets(), ['A', 'B'], said(setup));
  assert.equal(setup.code, 4, said(setup));
  it.infisical.state.allowAll(CLIENT.clientId);
  assert.deepEqual(await it.lookup('B'), { ok: true, source: 'live', value: 'value b' });
});

test('what a setup left is done by itself once its cause is mended at the provider, after a restart too', async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a' } }, env: { PSI_SETUP_RETRY: '300ms' } });
  await it.registered();
  it.set('/app', 'B', 'value b');
  it.hide('/app', 'B');
  const setup = await it.setup('--json');
  assert.equal(setup.code, 4, said(setup));
  const { result } = JSON.parse(setup.stdout) as { readonly result: { readonly outcome: string; nextTry: unknown } };
  assert.deepEqual([result.outcome, typeof result.nextTry], ['left', 'string']);
  await it.restart();
  const status = await it.psi.cli('status');
  assert.match(status.stdout, /^problem .*left (?:it|something) as it was/m);
  assert.match(status.stdout, /^setup owed: app; /m);
  assert.deepEqual(await it.targets(), ['A']);
  it.infisical.state.allowAll(CLIENT.clientId);
  await until('nobody did what was owed', async () => (await it.targets()).includes('B'));
  assert.deepEqual(await it.lookup('B'), { ok: true, source: 'live', value: 'value b' });
  await until('it is still owed', async () => !(await it.psi.cli('status')).stdout.includes('setup owed'));
  await it.psi.stop();
  assert.match(it.psi.log(), /setup has done what earlier ones left/);
});
