// What a run spends on a provider or a Podman that fails, whatever they fail with and however much there is to do.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test, type TestContext } from 'node:test';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { isList, NO_ANSWER } from './observed/front.ts';
import { said, stage, type Observed } from './observed/stage.ts';

const KEYS = Array.from({ length: 20 }, (_, index) => `K${String(index)}`);
const FOLDERS = Array.from({ length: 60 }, (_, index) => `/f${String(index)}`);

const twentySecrets = (t: TestContext): Promise<Observed> =>
  stage(t, { folders: { '/app': Object.fromEntries(KEYS.map((key) => [key, 'x'])) } });

/** Sixty workloads, each with a folder of its own. */
async function sixtyFolders(t: TestContext, cache: boolean): Promise<Observed> {
  const it = await stage(t, {
    folders: Object.fromEntries(FOLDERS.map((path) => [path, { A: 'value' }])),
    ...(cache && { cache: {} }),
  });
  const workloads = FOLDERS.map((path) => [`w${path.slice(1)}`, { secrets: [{ project: 'main', path }] }] as const);
  await it.psi.writeConfig({ ...it.options, workloads: Object.fromEntries(workloads) });
  return it;
}

type Run = { readonly said: string; readonly code: number | null };

/** A setup that is ended as soon as `enough` says so of what it has said. */
async function setupUntil(it: Observed, enough: (said: string) => boolean): Promise<Run> {
  const [program = '', ...args] = PSI_UNDER_TEST;
  const env = { PATH: process.env['PATH'], PSI_CONFIG: it.psi.configFile };
  const child = spawn(program, [...args, 'setup'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      if (enough(text)) child.kill('SIGKILL');
    });
  }
  await once(child, 'close');
  return { said: text, code: child.exitCode };
}

const triesIn = (text: string): number => text.split('trying again in').length - 1;

/** All that Podman was asked to create until `work` ended, or was asked for once more. */
async function createsUntil(it: Observed, work: Promise<unknown>): Promise<readonly string[]> {
  const again = Promise.withResolvers<undefined>();
  const names = (): readonly string[] => it.podman.writes.map(({ name }) => name);
  it.podman.onWrite = () => {
    if (new Set(names()).size < names().length) again.resolve(undefined);
  };
  await Promise.race([work, again.promise]);
  return names();
}

/** Has been asked to change something. */
async function firstWrite(it: Observed): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  it.podman.onWrite = () => {
    resolve(undefined);
  };
  await promise;
}

describe('in one run', { concurrency: true }, () => {
  for (const [status, why] of [
    ['127', /curl is not installed/],
    ['22', /psi refused it/],
  ] as const) {
    // A09
    test(`a driver command that ends with ${status} is not run again, and each secret is named`, async (t) => {
      const it = await twentySecrets(t);
      const reason = `exit status ${status}`;
      it.podman.refuseCreate = { status: 500, reason, message: `creating secret: ${reason}` };
      const setup = it.setup();
      const creates = await createsUntil(it, setup);
      assert.deepEqual(creates, [...new Set(creates)], 'podman was asked again for a secret that it cannot create');
      assert.equal(creates.length, KEYS.length);
      const done = await setup;
      assert.equal(done.code, 1);
      assert.match(said(done), why);
    });
  }

  // A09. The time is that of the one call that PSI waits for.
  test('a podman that hangs on a create is not asked for the other nineteen', async (t) => {
    const it = await twentySecrets(t);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    it.podman.holdCreate = promise;
    t.after(() => {
      resolve(undefined);
    });
    const setup = it.setup();
    const creates = await createsUntil(it, setup);
    assert.equal(creates.length, 1, 'podman was asked again');
    const done = await setup;
    assert.equal(done.code, 1);
    assert.match(said(done), /podman did not answer on /);
    assert.deepEqual(await it.targets(), []);
  });

  // A09
  test('a command that is killed ends its run after the change under way, and the next command goes on', async (t) => {
    const it = await twentySecrets(t);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    it.podman.holdCreate = promise;
    const [program = '', ...args] = PSI_UNDER_TEST;
    const env = { PATH: process.env['PATH'], PSI_CONFIG: it.psi.configFile };
    const began = firstWrite(it);
    const client = spawn(program, [...args, 'setup'], { env, stdio: 'ignore' });
    await began;
    client.kill('SIGKILL');
    await once(client, 'close');
    const next = it.setup('--dry-run');
    // By now PSI has seen the end of the first one.
    assert.equal((await it.psi.cli('status')).code, 0);
    resolve(undefined);
    const done = await next;
    const creates = it.podman.writes.map(({ name }) => name);
    assert.deepEqual(creates, ['app--K0']);
    assert.equal(done.code, 3, said(done));
    assert.match(said(done), /20 changes planned, 1 unchanged/);
    await it.psi.stop();
    assert.match(it.psi.log(), /setup was ended: the command went away; 1 change was made before/);
  });

  // F5
  test('sixty folders of a provider that is down share one minute', async (t) => {
    const it = await sixtyFolders(t, false);
    await it.infisical.refuseConnections();
    it.front.answer = () => ({ status: 503, body: 'Service Unavailable' });
    // An older one is at its fifth pause after more than two minutes, and at its sixtieth folder after two hours.
    const { said: text, code } = await setupUntil(it, (so) => triesIn(so) > 4);
    assert.equal(code, 1, text.slice(0, 1_000));
    assert.equal(triesIn(text), 4);
    for (const path of FOLDERS) assert.ok(text.includes(`w${path.slice(1)}: `), path);
  });

  for (const trouble of ['is down', 'hangs'] as const) {
    // F5
    test(`a provider that ${trouble} is not waited for where all is cached: three timeouts at most`, async (t) => {
      const it = await sixtyFolders(t, true);
      assert.equal((await it.setup()).code, 0);
      await it.restart();
      await it.psi.writeConfig({
        ...it.options,
        workloads: Object.fromEntries(
          FOLDERS.map((path) => [`w${path.slice(1)}`, { secrets: [{ project: 'main', path }] }]),
        ),
      });
      let lists = 0;
      it.front.answer = (asked) => {
        if (isList(asked)) lists += 1;
        return trouble === 'hangs' ? NO_ANSWER : { status: 503, body: 'Service Unavailable' };
      };
      const { said: text, code } = await setupUntil(it, (so) => triesIn(so) > 0);
      assert.equal(triesIn(text), 0, text.slice(0, 1_000));
      // Each workload has what it had.
      assert.equal(code, 4);
      if (trouble === 'hangs') assert.ok(lists <= 3, String(lists));
    });
  }
});
