// Infisical as it is, on a real host: rights are taken, a key is renamed, a folder is emptied, an environment misspelt, and no container
// loses a variable without a word. What only looks like a reference arrives byte for byte; one that may not be followed fails the start.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { installPsi, PROJECT, psiHostSupport, CREDENTIALS, sleeper, startPsiHost } from './psi-host.ts';
import type { PsiHost, PsiHostOptions } from './psi-host.ts';
import { steps } from '../hosts/steps.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const STORE = '/etc/credstore.encrypted';

/** They refer to nothing, in any environment or folder that is there. */
const TEXTS = { TEMPLATE: '${X}', DOTTED: '${a.b.C}', SHELL_HOME: '$HOME', SPECIFIER: '%d ${HOSTNAME}' } as const;
const ALONE = Object.entries(TEXTS).map(([key, text]) => [`/only-${key}`, { [key]: text }] as const);

const WORKLOADS = {
  nested: { secrets: [{ project: 'main', path: '/nested', recursive: true }] },
  importing: { secrets: [{ project: 'main', path: '/importing' }] },
  renamed: { secrets: [{ project: 'main', path: '/renamed' }] },
  emptied: { secrets: [{ project: 'main', path: '/emptied' }] },
  misspelt: { secrets: [{ project: 'elsewhere', path: '/misspelt' }] },
  texts: { secrets: [{ project: 'main', path: '/texts' }] },
  alone: { secrets: ALONE.map(([path]) => ({ project: 'main', path })) },
  refused: { secrets: [{ project: 'main', path: '/refused' }] },
};
type Unit = keyof typeof WORKLOADS;
const UNITS = Object.keys(WORKLOADS) as readonly Unit[];

const projects = (environment: string): object => ({
  main: { id: PROJECT, environment: 'prod' },
  elsewhere: { id: PROJECT, environment },
});

const STAGE: PsiHostOptions = {
  folders: {
    '/nested': { PLAIN: 'plain' },
    '/nested/sub': { NESTED_FAR: 'canary-nested' },
    '/importing': { PLAIN: 'plain' },
    '/shared': { SHARED_FAR: 'canary-shared' },
    '/renamed': { OLD_NAME: 'canary-renamed', STAYS: 'stays' },
    '/emptied': { ONE: 'canary-one', TWO: 'canary-two' },
    '/misspelt': { THREE: 'canary-three' },
    '/texts': TEXTS,
    ...Object.fromEntries(ALONE),
    '/locked': { PASSWORD: 'canary-password' },
    '/refused': { DB_URL: 'pg://${prod.locked.PASSWORD}@db', PLAIN: 'plain' },
  },
  workloads: WORKLOADS,
  quadlets: Object.fromEntries(UNITS.map((unit) => [`${unit}.container`, sleeper()])),
  // Each start asks anew.
  config: { lookup: { batch_window: 0 } },
  provider: { projects: projects('prod') },
  seed: {
    generation: '2025',
    imports: [
      { project: PROJECT, environment: 'prod', path: '/importing', fromEnvironment: 'prod', fromPath: '/shared' },
    ],
  },
  prepare: (host) =>
    host.ok(
      `mkdir -p -m 0700 ${STORE} && head -c 32 /dev/urandom | ` +
        `systemd-creds encrypt --with-key=host --name=psi-cache-key - ${STORE}/psi-cache-key`,
    ),
};

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost(STAGE);
  await stage.setup();
});
after(async () => {
  if (support.ok) await stage.stop();
});

const start = (unit: Unit): Promise<string> => stage.host.ok(`systemctl restart ${unit}.service`);
const environ = (unit: Unit): Promise<ReadonlyMap<string, string>> => stage.environ(`systemd-${unit}`);
const dropIn = (unit: Unit): Promise<string> =>
  stage.host.ok(`cat /etc/containers/systemd/${unit}.container.d/50-secrets.conf`);

/** The identity as an administrator changes it: what it may not do from now on. */
const rights = (...denials: readonly object[]): Promise<string> =>
  stage.double('POST', '/seed', { identities: [{ ...CREDENTIALS, denials }] });
const MAY_NOT_READ = ['/nested/sub', '/shared', '/locked'].map((path) => ({ actions: ['readValue'], path }));

const secret = (path: string, key: string, value?: string): object => {
  return { project: PROJECT, environment: 'prod', path, key, ...(value !== undefined && { value }) };
};

/** A setup that has to say something, and never a value. */
async function setupThatSays(...words: readonly RegExp[]): Promise<{ readonly code: number; readonly text: string }> {
  const { code, stdout, stderr } = await stage.psi('setup');
  const text = `${stdout}${stderr}`;
  for (const word of words) assert.match(text, word);
  assert.doesNotMatch(text, /canary/);
  return { code, text };
}

/** What the journal of the unit says of a start that must fail. */
async function failedStart(unit: Unit): Promise<string> {
  await stage.host.run(`systemctl stop ${unit}.service`);
  await stage.host.ok('journalctl --sync');
  const cursor = /-- cursor: (\S+)/.exec(await stage.host.ok('journalctl -n 1 --show-cursor'))?.[1] ?? '';
  const started = await stage.host.run(`systemctl start ${unit}.service`);
  assert.notEqual(started.code, 0, `${unit} started without a secret`);
  await stage.host.ok('journalctl --sync');
  const lines = await stage.host.ok(['journalctl', '-o', 'cat', '-u', `${unit}.service`, `--after-cursor=${cursor}`]);
  assert.doesNotMatch(lines, /canary/);
  return lines;
}

async function hasTexts(what: string): Promise<void> {
  for (const unit of ['texts', 'alone'] as const) {
    await start(unit);
    const found = await environ(unit);
    for (const [key, text] of Object.entries(TEXTS)) assert.equal(found.get(key), text, `${what}, ${unit}: ${key}`);
  }
}

test('no variable disappears from a container without a word, and no reference reaches one', options, async (t) => {
  const had = new Map<Unit, readonly string[]>();
  const lines = new Map<Unit, string>();

  /** All lines of the drop-in are there, so the next start has them all or fails. */
  const keepsLines = async (unit: Unit): Promise<void> => {
    assert.equal(await dropIn(unit), lines.get(unit), `the drop-in of ${unit}`);
  };
  const keepsVariables = async (unit: Unit): Promise<void> => {
    const found = await environ(unit);
    for (const key of had.get(unit) ?? []) assert.ok(found.has(key), `${unit} has lost ${key}`);
  };

  await steps(t, {
    'every workload has what it names': async () => {
      for (const unit of UNITS) {
        await start(unit);
        lines.set(unit, await dropIn(unit));
        const keys = [...(lines.get(unit) ?? '').matchAll(/target=(\w+)/g)].map(([, key = '']) => key);
        assert.ok(keys.length > 0, unit);
        had.set(unit, keys);
        await keepsVariables(unit);
      }
      assert.equal((await environ('refused')).get('DB_URL'), 'pg://canary-password@db');
    },
    'texts that refer to nothing arrive byte for byte, alone and with neighbours': () => hasTexts('live'),
    'the right to read values is taken on a sub-folder and on an imported folder: every line stays, and the run says which keys':
      async () => {
        await rights(...MAY_NOT_READ);
        const { code } = await setupThatSays(/\bNESTED_FAR\b/, /\bSHARED_FAR\b/, /read/i);
        assert.notEqual(code, 0);
        for (const unit of ['nested', 'importing'] as const) {
          await keepsLines(unit);
          await keepsVariables(unit);
        }
      },
    'the next start of these fails, and the journal of the unit names the key and the right': async () => {
      for (const [unit, key] of [
        ['nested', 'NESTED_FAR'],
        ['importing', 'SHARED_FAR'],
      ] as const) {
        const said = await failedStart(unit);
        assert.match(said, new RegExp(`psi: ${unit}--${key}: `));
        assert.match(said, /right to read values/i);
      }
    },
    'a reference to what may not be read fails the start, and the journal of the unit names it': async () => {
      const said = await failedStart('refused');
      assert.match(said, /psi: refused--DB_URL: /);
      for (const part of [/\bPASSWORD\b/, /\/locked\b/, /\bprod\b/]) assert.match(said, part);
      await keepsLines('refused');
    },
    'with the rights back everything starts again': async () => {
      await rights();
      for (const unit of ['nested', 'importing', 'refused'] as const) {
        await start(unit);
        await keepsVariables(unit);
      }
    },
    'a key is renamed: the run names the old one, the running container has it, and the next has the new one':
      async () => {
        await stage.double('PUT', '/secrets', secret('/renamed', 'NEW_NAME', 'canary-renamed'));
        await stage.double('DELETE', '/secrets', secret('/renamed', 'OLD_NAME'));
        await setupThatSays(/\brenamed--OLD_NAME\b/, /\brenamed--NEW_NAME\b/);
        await keepsVariables('renamed');
        await start('renamed');
        const found = await environ('renamed');
        assert.deepEqual([found.get('NEW_NAME'), found.get('STAYS')], ['canary-renamed', 'stays']);
      },
    'a folder is emptied: the lines stay, and the run names it': async () => {
      for (const key of ['ONE', 'TWO']) await stage.double('DELETE', '/secrets', secret('/emptied', key));
      const { code } = await setupThatSays(/main:\/emptied\b/);
      assert.notEqual(code, 0);
      await keepsLines('emptied');
      await keepsVariables('emptied');
      for (const [key, value] of [
        ['ONE', 'canary-one'],
        ['TWO', 'canary-two'],
      ] as const) {
        await stage.double('PUT', '/secrets', secret('/emptied', key, value));
      }
    },
    'an environment is misspelt: the lines stay, and the run names the source': async () => {
      await stage.writeConfig({ ...STAGE, provider: { projects: projects('prd') } });
      const { code } = await setupThatSays(/elsewhere:\/misspelt\b/);
      assert.notEqual(code, 0);
      await keepsLines('misspelt');
      await keepsVariables('misspelt');
    },
    'through an outage the same texts arrive from the cache, and what may not be read any more is still there':
      async () => {
        await stage.writeConfig({ ...STAGE, config: { ...STAGE.config, cache: { backend: 'credential' } } });
        await installPsi(stage.host);
        await stage.host.ok('systemctl restart psi.service');
        await stage.setup();
        await rights(...MAY_NOT_READ);
        await stage.psi('setup');
        await stage.double('PATCH', '/knobs', { outage: 'refuse' });
        await stage.host.ok('systemctl restart psi.service');
        await hasTexts('cache');
        for (const unit of ['nested', 'importing'] as const) {
          await start(unit);
          await keepsVariables(unit);
        }
        assert.equal((await environ('nested')).get('NESTED_FAR'), 'canary-nested');
      },
  });
});
