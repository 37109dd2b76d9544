// The workload pattern: which quadlets become workloads, what that asks of the provider, and that a unit keeps what it has.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import type { SecretSpec } from '../../../src/core/workload.ts';
import type { WorkloadPattern } from '../../../src/core/workload-pattern.ts';
import type { SetupReport } from '../../../src/registration/setup-events.ts';
import { changes, setupStage, workload } from './setup-stage.ts';

function pattern(...secrets: readonly Partial<SecretSpec>[]): WorkloadPattern {
  const { provider, dependsOn, secrets: specs } = workload('*', ...secrets);
  return { provider, dependsOn, secrets: specs };
}

async function stage(...secrets: readonly Partial<SecretSpec>[]) {
  const it = await setupStage();
  it.target.pattern = pattern(...(secrets.length === 0 ? [{ path: '/{workload}' }] : secrets));
  return {
    ...it,
    quadlet: (...names: readonly string[]): void => {
      for (const name of names) it.quadlets.units.add(`${name}.container`);
    },
  };
}

const DENIED = new PsiError('PROVIDER_DENIED', 'infisical refuses to list the folders', { hint: 'give it the right' });

function over(report: SetupReport): Readonly<Record<string, string>> {
  return Object.fromEntries(report.passedOver.map(({ unit, reason }) => [unit, reason]));
}

test('each quadlet whose folder is there gets the secrets of that folder, a new one with the next run', async () => {
  const it = await stage();
  it.quadlet('web', 'mail', 'plain');
  Object.assign(it.folders, { '/web': { A: '1' }, '/mail': { B: '2' }, '/other': { C: '3' } });
  const first = await it.run();
  assert.deepEqual(changes(first), [
    'create mail--B',
    'write-drop-in mail.container',
    'create web--A',
    'write-drop-in web.container',
  ]);
  assert.deepEqual(over(first), { 'plain.container': 'infisical has no folder p:/plain' });
  assert.equal(first.outcome, 'done');
  it.quadlet('late');
  it.folders['/late'] = { D: '4' };
  assert.deepEqual(changes(await it.run()), ['create late--D', 'write-drop-in late.container']);
});

test('200 quadlets of which 150 have folders cost one list of folders and the lists of those', async () => {
  const it = await stage();
  const names = Array.from({ length: 200 }, (_, index) => `app${String(index)}`);
  it.quadlet(...names);
  for (const name of names.slice(0, 150)) it.folders[`/${name}`] = { A: name };
  const report = await it.run();
  assert.deepEqual([report.outcome, report.passedOver.length], ['done', 50]);
  assert.equal(it.calls.filter((call) => call.startsWith('folders')).length, 1);
  assert.equal(it.calls.length, 151);
  it.calls.length = 0;
  await it.run({ workload: 'app7' });
  assert.deepEqual(it.calls, ['folders /', '/app7']);
});

test('sources of the pattern are those of a workload: a shared one, a folder below, keys', async () => {
  const uses = [{ kind: 'env', target: 'TOKEN', mode: undefined }] as const;
  const it = await stage(
    { path: '/shared', prefix: 'S_' },
    { path: '/apps/{workload}', recursive: true },
    { path: '/keys/{workload}/live', keys: [{ key: 'K', uses }] },
  );
  it.quadlet('web', 'mail', 'none');
  Object.assign(it.folders, {
    '/shared': { X: 'x' },
    '/apps/web': { A: '1' },
    '/apps/web/deep': { B: '2' },
    '/keys/web/live': { K: 'k' },
    '/keys/mail/test': { K: 'no' },
    '/apps/mail': { A: '3' },
  });
  const report = await it.run();
  assert.deepEqual(
    changes(report).filter((change) => change.startsWith('create')),
    ['mail--A', 'mail--S_X', 'web--A', 'web--B', 'web--S_X', 'web--TOKEN'].map((name) => `create ${name}`),
  );
  assert.deepEqual(over(report), {
    'mail.container': 'its source p:/keys/mail/live is left out: infisical has no such folder',
    'none.container': 'infisical has no folder p:/apps/none, p:/keys/none',
  });
  assert.equal(report.outcome, 'done');
});

test('a workload that the config names wins, by its name and by its unit, and is asked for by nobody else', async () => {
  const it = await stage();
  it.quadlet('web', 'mail', 'named');
  it.target.workloads = [
    { ...workload('named', { path: '/elsewhere' }), unit: 'web.container' },
    workload('mail', { path: '/elsewhere' }),
  ];
  Object.assign(it.folders, {
    '/web': { A: '1' },
    '/mail': { B: '2' },
    '/named': { C: '3' },
    '/elsewhere': { E: 'e' },
  });
  const report = await it.run();
  assert.deepEqual(
    changes(report).filter((change) => change.startsWith('create')),
    ['create named--E', 'create mail--E'],
  );
  assert.deepEqual(over(report), {
    'named.container': 'the config has a workload of this name, whose unit is web.container',
  });
  it.calls.length = 0;
  await it.run({ workload: 'mail' });
  await it.run({ workloads: ['named'] });
  await it.run({ provider: 'another' });
  assert.ok(!it.calls.some((call) => call.startsWith('folders')));
});

test('units of this PSI and of others are left alone, whatever folders there are', async () => {
  const it = await stage();
  it.quadlet('psi', 'psi-secrets', 'psi-infisical-setup', 'pcscd', 'psiphon', 'renamed');
  it.quadlets.texts.set('renamed.container', '# Written by PSI (psi systemd install).\n[Container]\n');
  it.quadlets.texts.set('pcscd.container', '[Unit]\nDescription=pcscd smartcard daemon for HSM access\n');
  for (const unit of it.quadlets.units) it.folders[`/${unit.replace('.container', '')}`] = { A: '1' };
  const report = await it.run();
  assert.deepEqual(changes(report), ['create psiphon--A', 'write-drop-in psiphon.container']);
  assert.deepEqual(Object.keys(over(report)), [
    'pcscd.container',
    'psi-infisical-setup.container',
    'psi-secrets.container',
    'psi.container',
    'renamed.container',
  ]);
});

test('a template asks for the folder without its @, an instance has what its template has', async () => {
  const it = await stage();
  it.quadlet('worker@', 'worker@1', 'worker', 'alone@7');
  it.folders['/worker'] = { A: '1' };
  const report = await it.run();
  assert.deepEqual(
    changes(report).filter((change) => change.startsWith('create')),
    ['create worker--A', 'create worker@--A'],
  );
  assert.deepEqual(over(report), {
    'alone@7.container': 'it is an instance, and its template is not here',
    'worker@1.container': 'it is an instance, and has what its template worker@.container has',
  });
});

const HOSTILE = [
  'a.b',
  'line\nend',
  'quo"te',
  "quo'te",
  '..',
  '',
  'per%cent',
  '{workload}',
  '-rf',
  '_under',
  'x'.repeat(129),
  'two--dashes',
  'ends-',
  'not\ufffdutf8',
  'ctrl\u0007',
  'blank name',
  'a@b@c',
  '@',
  'caf\u00e9',
  '__proto__',
];

test('a hostile name of a quadlet is said, never asked for and never written', async () => {
  const it = await stage();
  it.quadlet('good', ...HOSTILE, 'Twin', 'twin');
  it.folders['/good'] = { A: '1' };
  for (const name of [...HOSTILE, 'Twin', 'twin']) it.folders[`/${name}`] = { EVIL: '1' };
  const report = await it.run();
  assert.deepEqual(changes(report), ['create good--A', 'write-drop-in good.container']);
  assert.deepEqual(it.calls, ['folders /', '/good']);
  assert.equal(report.passedOver.filter(({ refused }) => refused).length, HOSTILE.length + 2);
  assert.equal(over(report)['Twin.container'], 'its name and that of twin.container differ in case alone');
  const [refused = '', folders = ''] = report.notes;
  assert.match(refused, /^"\*" passes over .* and 12 more: an entry of its own under `workloads`/);
  assert.match(folders, /^p:\/ holds folders that no quadlet gets by "\*", for their names: "a\.b", "line\\nend"/);
  // eslint-disable-next-line no-control-regex -- they are what must not be there
  assert.doesNotMatch(JSON.stringify(report.passedOver) + report.notes.join(''), /[\u0000-\u001f]|\ufffd/);
});

test('folders that differ in case alone are nobody’s, and who has secrets of one keeps them', async () => {
  const it = await stage();
  it.quadlet('web', 'mail');
  Object.assign(it.folders, { '/web': { A: '1' }, '/Mail': { B: '2' }, '/mail': { B: '2' } });
  const first = await it.run();
  assert.match(
    over(first)['mail.container'] ?? '',
    /^p:\/ holds folders whose names differ in case alone: Mail, mail$/,
  );
  it.folders['/WEB'] = { A: 'evil' };
  const second = await it.run();
  assert.deepEqual([second.outcome, changes(second)], ['left', []]);
  assert.match(second.failures[0]?.message ?? '', /differ in case alone: web, WEB: .* web is left as it was$/);
});

test('a list of folders that is refused takes nothing away, and is said with those of whom nothing is known', async () => {
  const it = await stage();
  it.quadlet('web', 'mail');
  it.folders['/web'] = { A: '1' };
  await it.run();
  it.folders['/web'] = { A: '1', B: '2' };
  it.failures.push(DENIED);
  const report = await it.run();
  assert.deepEqual([report.outcome, changes(report)], ['left', ['create web--B', 'write-drop-in web.container']]);
  assert.deepEqual(report.failures, [
    {
      workload: null,
      code: 'PROVIDER_DENIED',
      message:
        'the folders in p:/ cannot be listed (infisical refuses to list the folders): whether it has one for mail cannot be told',
      hint: 'give it the right',
    },
  ]);
  assert.deepEqual(report.orphans, []);
});

test('where nobody has anything from before, a list of folders that fails is the failure of the run, at a boot too', async () => {
  const it = await stage();
  it.quadlet('web');
  it.failures.push(DENIED);
  const report = await it.run({ boot: true });
  assert.deepEqual([report.outcome, report.failures.length], ['failed', 1]);
  const ready = it.events.find(({ event }) => event === 'ready');
  assert.ok(ready?.event === 'ready' && ready.report.outcome === 'failed');
});

test('at a boot in an outage the named workloads wait for no folders, and the run is no failure', async () => {
  const it = await stage();
  it.quadlet('web');
  it.target.workloads = [workload('named')];
  it.folders['/named'] = { A: '1' };
  const down = (): PsiError => new PsiError('PROVIDER_DOWN', 'away', { retry: 'later' });
  it.failures.push(down());
  const report = await it.run({ boot: true });
  assert.deepEqual([report.outcome, report.changes.length], ['left', 2]);
  assert.match(report.failures[0]?.message ?? '', /whether it has one for web cannot be told$/);
});

test('a limit is waited for as long as setup waits for one, and asked for once where it is the service’s own try', async () => {
  const limit = new PsiError('THROTTLED', 'slow down', { retry: 'later', retryAfterMs: 30_000 });
  const it = await stage();
  it.quadlet('web');
  it.folders['/web'] = { A: '1' };
  it.failures.push(limit);
  const running = it.run();
  await it.clock.advance(30_000);
  assert.equal((await running).outcome, 'done');
  it.failures.push(limit);
  assert.deepEqual((await it.run({ once: true })).outcome, 'left');
});

test('a folder that has gone leaves its unit as it was, and is named like one of a named workload', async () => {
  const it = await stage();
  it.quadlet('web', 'mail');
  Object.assign(it.folders, { '/web': { A: '1' }, '/mail': { B: '2' } });
  await it.run();
  delete it.folders['/web'];
  const before = it.dropIns.files.get('web.container');
  const report = await it.run();
  assert.deepEqual([report.outcome, changes(report), report.orphans], ['left', [], []]);
  assert.deepEqual(
    report.failures.map(({ workload: name, code, message }) => [name, code, message]),
    [['web', 'PLACE_NOT_FOUND', 'infisical has no folder p:/web, and web has secrets: it is left as it was']],
  );
  assert.match(report.failures[0]?.hint ?? '', /psi prune --workload web --apply/);
  assert.equal(it.dropIns.files.get('web.container'), before);
});

test('of two sources the one whose folder has gone is asked for where secrets came from it, and nothing is taken away', async () => {
  const it = await stage({ path: '/a/{workload}' }, { path: '/b/{workload}' });
  it.quadlet('web');
  Object.assign(it.folders, { '/a/web': { A: '1' }, '/b/web': { B: '2' } });
  await it.run();
  delete it.folders['/b/web'];
  const report = await it.run();
  assert.deepEqual([report.outcome, changes(report)], ['left', []]);
  assert.match(report.failures[0]?.message ?? '', /lists no secret in p:\/b\/web, where 1 is registered/);
});

test('with a quadlet that is gone its drop-in goes, and its secrets are those of a workload that left the config', async () => {
  const it = await stage();
  it.quadlet('web');
  it.folders['/web'] = { A: '1' };
  await it.run();
  it.quadlets.units.clear();
  const report = await it.run();
  assert.deepEqual(changes(report), ['remove-drop-in web.container']);
  assert.deepEqual(
    report.orphans.map(({ name, gone }) => [name, gone]),
    [['web--A', true]],
  );
});

test('quadlets that cannot be listed fail the run, and leave the named workloads to it', async () => {
  const it = await stage();
  it.target.workloads = [workload('named')];
  it.folders['/named'] = { A: '1' };
  it.quadlets.failWith = new PsiError('HOST', 'the disk hangs');
  const report = await it.run();
  assert.equal(report.outcome, 'failed');
  assert.ok(changes(report).includes('create named--A'));
});

test('whoever asks for one quadlet is told why it is passed over', async () => {
  const it = await stage();
  it.quadlet('web', 'a.b');
  const why = { code: 'USAGE', message: /passes over web\.container: infisical has no folder p:\/web$/ };
  await assert.rejects(it.run({ workload: 'web' }), why);
  await assert.rejects(it.run({ workload: 'a.b' }), { code: 'USAGE', message: /no folder may have its name/ });
  it.failures.push(DENIED);
  const denied = { code: 'PROVIDER_DENIED', message: /whether it has one for web cannot be told$/ };
  await assert.rejects(it.run({ workload: 'web' }), denied);
  await assert.rejects(it.run({ workload: 'nope' }), { code: 'USAGE', message: /^no workload nope in the config$/ });
});

test('prune takes a workload of the pattern for one of the config: by its quadlet, and alone by its folder', async () => {
  const it = await stage();
  it.quadlet('web', 'mail', 'a.b');
  it.folders['/web'] = { A: '1' };
  const named = { ...it.target, sourceOf: () => it.source };
  const claimed = async (only?: string): Promise<readonly string[]> =>
    (await it.patterns.claimed(named, only, new AbortController().signal)).map(({ name }) => name);
  assert.deepEqual(await claimed(), ['mail', 'web']);
  assert.deepEqual(it.calls, []);
  assert.deepEqual([await claimed('web'), await claimed('mail'), await claimed('nope')], [['web'], [], []]);
  it.failures.push(DENIED);
  await assert.rejects(claimed('web'), { code: 'PROVIDER_DENIED' });
});
