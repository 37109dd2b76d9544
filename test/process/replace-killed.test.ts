// A secret whose driver commands changed is replaced, and somebody is killed on the way: Podman, PSI, or both, at each step of Podman's. The
// secret comes back under its name and with its mapping, every time, whoever asked for the replace.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { PodmanKilled, REPLACE_STEPS, type ReplaceStep } from '../fakes/podman.fake.ts';
import type { PsiOptions } from '../hosts/psi-process.ts';
import { said, stage, type Observed } from './observed/stage.ts';

const VALUES = { A: 'value a', B: 'value b' };
const NAMES = Object.keys(VALUES).map((key) => `app--${key}`);

/** Far more than any of this takes. */
const SOON_MS = 20_000;

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + SOON_MS;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, what);
    // The double of Podman is in this process, and has to be let in.
    await setTimeout(20);
  }
}

type Victim = 'podman' | 'psi' | 'both';

/** `lookup.timeout` of the config: each further one makes other driver commands. */
const timeouts = new WeakMap<Observed, number>();

function timeoutOf(it: Observed): number {
  return timeouts.get(it) ?? 10;
}

/** A config with other driver commands than any before. */
function otherCommands(it: Observed, replaceAfter: string): PsiOptions {
  timeouts.set(it, timeoutOf(it) + 1);
  return {
    ...it.options,
    config: { ...it.options.config, lookup: { batch_window: 0, timeout: `${String(timeoutOf(it))}s` } },
    env: { ...it.options.env, PSI_REPLACE_AFTER: replaceAfter },
  };
}

/** The first replace that comes so far kills its victim, and no later one does. Resolves when that has happened. */
function killAt(it: Observed, step: ReplaceStep, victim: Victim): Promise<void> {
  return new Promise((killed) => {
    it.podman.onReplace = async (at) => {
      if (at !== step) return;
      it.podman.onReplace = () => Promise.resolve();
      if (victim !== 'podman') await it.psi.kill();
      killed();
      if (victim !== 'psi') throw new PodmanKilled();
    };
  });
}

async function assertWhole(it: Observed, what: string): Promise<void> {
  const listed = await it.podman.list();
  assert.deepEqual(listed.map(({ name }) => name).sort(), NAMES, what);
  for (const [key, value] of Object.entries(VALUES)) {
    assert.deepEqual(await it.lookup(key), { ok: true, source: 'live', value }, `${what}: ${key}`);
  }
  assert.deepEqual(
    (await readdir(it.psi.stateDir)).filter((name) => name.includes('replace')),
    [],
    `${what}: nothing is owed`,
  );
}

/** What stands on disk for the next start holds no value. */
async function assertOwed(it: Observed, what: string): Promise<void> {
  const text = await readFile(join(it.psi.stateDir, 'replace.owed'), 'utf8');
  const { secrets } = JSON.parse(text) as { readonly secrets: readonly { readonly name: string }[] };
  assert.deepEqual(secrets.length, 1, what);
  assert.match(secrets[0]?.name ?? '', /^app--/);
  assert.doesNotMatch(text, /value [ab]/);
}

const allNow = async (it: Observed): Promise<boolean> => {
  const listed = await it.podman.list();
  const wanted = `--max-time ${String(timeoutOf(it) + 15)} `;
  return listed.length === NAMES.length && listed.every(({ options }) => options['store']?.includes(wanted));
};

for (const victim of ['podman', 'psi', 'both'] as const) {
  test(`${victim} killed while setup replaces`, async (t) => {
    const it = await stage(t, { folders: { '/app': VALUES }, env: { PSI_REPLACE_AFTER: '1h' } });
    await it.registered();
    for (const step of REPLACE_STEPS) {
      const options = otherCommands(it, '1h');
      await it.psi.writeConfig(options);
      const killed = killAt(it, step, victim);
      const setup = it.setup();
      await killed;
      const { code, stdout, stderr } = await setup;
      if (victim === 'podman') {
        assert.equal(code, 0, `${step}: ${stdout}${stderr}`);
        assert.ok(await allNow(it), step);
      } else {
        await assertOwed(it, step);
        await it.restart(undefined, options);
        await until(`${step}: psi has finished it`, async () => !(await owes(it)));
      }
      await assertWhole(it, step);
    }
    const again = await it.setup();
    assert.equal(again.code, 0, said(again));
    assert.ok(await allNow(it), 'the rest is replaced');
    await assertWhole(it, 'after the last setup');
  });
}

const BY_ITSELF: readonly (readonly [Victim, readonly ReplaceStep[]])[] = [
  ['podman', REPLACE_STEPS],
  ['both', ['deleted', 'stored']],
];

for (const [victim, killedAt] of BY_ITSELF) {
  test(`${victim} killed while the service replaces by itself`, async (t) => {
    const it = await stage(t, { folders: { '/app': VALUES }, env: { PSI_REPLACE_AFTER: '1h' } });
    await it.registered();
    for (const step of killedAt) {
      const options = otherCommands(it, '100ms');
      const killed = killAt(it, step, victim);
      await it.restart(undefined, options);
      await killed;
      if (victim !== 'podman') {
        await assertOwed(it, step);
        await it.restart(undefined, options);
      }
      await until(`${step}: all are replaced`, async () => (await allNow(it)) && !(await owes(it)));
      await assertWhole(it, step);
    }
    const status = await it.psi.cli('status');
    assert.doesNotMatch(status.stdout, /^problem|driver commands of before/m, said(status));
  });
}

async function owes(it: Observed): Promise<boolean> {
  return (await readdir(it.psi.stateDir)).includes('replace.owed');
}

/** PSI and Podman are gone, and one of the secrets. */
async function lostOne(it: Observed): Promise<void> {
  await it.registered();
  await it.psi.writeConfig(otherCommands(it, '1h'));
  const killed = killAt(it, 'deleted', 'both');
  const setup = it.setup();
  await killed;
  await setup;
  assert.equal((await it.podman.list()).length, 1);
}

test('what is gone is created again by the next start of psi, though no provider answers', async (t) => {
  const it = await stage(t, { folders: { '/app': VALUES }, env: { PSI_REPLACE_AFTER: '1h' } });
  await lostOne(it);
  await it.outage();
  await until('it is there', async () => (await it.podman.list()).length === 2 && !(await owes(it)));
  await it.hasLogged(/podman had lost secrets in the middle of a replace/);
});

test('a secret that cannot be created again is a problem with its command, and the next setup creates it first', async (t) => {
  const it = await stage(t, { folders: { '/app': VALUES }, env: { PSI_REPLACE_AFTER: '1h' } });
  await lostOne(it);
  it.podman.refuseCreate = { status: 500, reason: 'no space left on device', message: 'no space left on device' };
  await it.restart();
  await until('it is told', async () => /podman lost app--/.test((await it.psi.cli('status')).stdout));
  const status = await it.psi.cli('status');
  assert.equal(status.code, 1);
  assert.match(status.stdout, /^problem app: podman lost app--\w in the middle of a replace: .*no space left/m);
  assert.match(status.stdout, /podman exec psi psi setup/);
  const dry = await it.setup('--dry-run');
  assert.match(said(dry), /replaces were cut short: setup creates again, .*app--/);
  assert.equal((await it.podman.list()).length, 1);
  it.podman.refuseCreate = undefined;
  const again = await it.setup();
  assert.equal(again.code, 0, said(again));
  assert.match(said(again), /podman had lost in the middle of a replace, and has again: app--/);
  await assertWhole(it, 'after the setup');
});
