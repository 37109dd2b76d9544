// A quadlet imported and edited, on fakes: which values arrive, what is taken out, and what stops it.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { driverOptions } from '../../../../src/registration/driver-command/options.ts';
import { PsiError } from '../../../../src/core/error.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';
import type { Workload } from '../../../../src/core/workload.ts';
import type { HeldValue } from '../../../../src/transfer/secret-values.ts';
import { importSecrets } from '../../../../src/transfer/import/secrets.ts';
import { importQuadlet, type QuadletReport, type QuadletRequest } from '../../../../src/transfer/import/quadlet.ts';
import { FakeClock } from '../../../fakes/clock.fake.ts';
import { FakeQuadletFiles } from '../../../fakes/quadlet-files.fake.ts';
import { FakeSecretSource } from '../../../fakes/secret-source.fake.ts';
import { FakeSecretWriter } from '../../../fakes/secret-writer.fake.ts';
import { INFISICAL_WORDS } from '../../../../src/adapters/infisical/provider-words.ts';
import { SYSTEM } from '../quadlet/stage.ts';
import { NO_HELPER } from '../../../hosts/driver-command.ts';

const UNIT = '/q/app.container';
const PLACE = { project: 'main', path: '/app' };
const PSI = driverOptions({
  socket: '/run/psi/psi.sock',
  maxTimeSeconds: 20,
  headerFile: undefined,
  helper: NO_HELPER,
});

let files: FakeQuadletFiles;
let source: FakeSecretSource;
let writer: FakeSecretWriter;
let podman: Map<string, HeldValue & { readonly psi?: boolean }>;
let workloads: Workload[];
beforeEach(() => {
  files = new FakeQuadletFiles();
  source = new FakeSecretSource();
  writer = new FakeSecretWriter(source);
  podman = new Map();
  workloads = [];
});

function run(over: Partial<QuadletRequest> = {}): Promise<QuadletReport> {
  const registry = {
    list: () =>
      Promise.resolve(
        [...podman].map(([name, { psi }]) => {
          return psi
            ? { id: name, name, driver: 'shell', options: { ...PSI } }
            : { id: name, name, driver: 'file', options: {} };
        }),
      ),
  };
  const values = { read: ({ name }: { name: string }) => Promise.resolve(podman.get(name) ?? { reason: 'gone' }) };
  const elsewhere = (path: string): string | undefined => (path.startsWith('/far/') ? 'run it there' : undefined);
  return importQuadlet(
    {
      files,
      registry,
      values,
      elsewhere,
      provider: 'infisical',
      workloads,
      words: INFISICAL_WORDS,
      importSecrets: (request, emit) =>
        importSecrets({ source, writer, words: INFISICAL_WORDS, clock: new FakeClock() }, request, emit),
      list: (place) =>
        source
          .list(place, { recursive: false, values: true, signal: new AbortController().signal })
          .then((listed) => listed.map(({ key, fetched }) => ({ key, value: fetched?.value }))),
    },
    {
      path: UNIT,
      place: PLACE,
      manager: SYSTEM,
      resolveSecrets: false,
      conflict: 'fail',
      dryRun: false,
      rewrite: false,
      rewriteCommand: 'psi … --rewrite',
      ...over,
    },
    () => undefined,
  );
}

const quadlet = (...lines: readonly string[]): void => {
  files.texts.set(UNIT, ['[Container]', ...lines, ''].join('\n'));
};
const stored = (): Readonly<Record<string, unknown>> =>
  Object.fromEntries(source.projects.get('main')?.get('/app') ?? []);
const outcomes = ({ results }: QuadletReport): Readonly<Record<string, string>> =>
  Object.fromEntries(results.map(({ key, outcome }) => [String(key), outcome]));

test('imports what the container gets, from all three kinds of lines', async () => {
  quadlet('Image=x', 'Environment=A=1 "B=two words"', 'EnvironmentFile=app.env', 'Secret=db,type=env,target=C');
  files.texts.set('/q/app.env', 'D="quoted"\nB=hidden\n');
  podman.set('db', { value: SecretValue.fromText('from podman') });
  const report = await run({ resolveSecrets: true });
  assert.deepEqual(stored(), { D: '"quoted"', B: 'two words', A: '1', C: 'from podman' });
  assert.deepEqual([report.exit, report.editFailure], [0, null]);
  assert.equal(files.texts.has(`${UNIT}.bak`), false);
});

test('rewrite takes out what was imported and keeps a backup', async () => {
  quadlet('Image=x', 'Environment=A=1', 'EnvironmentFile=app.env', 'Secret=db,type=env,target=C', 'Secret=cert');
  const before = files.texts.get(UNIT);
  files.texts.set('/q/app.env', 'D=4\n');
  files.texts.set(`${UNIT}.d/a.conf`, '[Container]\nEnvironment=E=5\nLabel=x=y\n');
  podman.set('db', { value: SecretValue.fromText('from podman') });
  const report = await run({ resolveSecrets: true, rewrite: true });
  assert.equal(files.texts.get(UNIT), '[Container]\nImage=x\nSecret=cert\n');
  assert.equal(files.texts.get(`${UNIT}.d/a.conf`), '[Container]\nLabel=x=y\n');
  assert.equal(files.texts.get(`${UNIT}.bak`), before);
  assert.deepEqual(
    report.edits.map(({ path, backup }) => [path, backup]),
    [
      [UNIT, `${UNIT}.bak`],
      [`${UNIT}.d/a.conf`, `${UNIT}.d/a.conf.bak`],
    ],
  );
});

test('a value that the provider does not hand out as it was stays in the quadlet', async () => {
  quadlet('Environment=A=1 B=2');
  source.set('main', '/app', 'A', 'another');
  const report = await run({ rewrite: true, conflict: 'skip' });
  assert.deepEqual(outcomes(report), { A: 'skipped', B: 'created' });
  assert.equal(files.texts.get(UNIT), '[Container]\nEnvironment=A=1\n');
});

test('a value that is there already and equal goes too', async () => {
  quadlet('Environment=A=1');
  source.set('main', '/app', 'A', '1');
  await run({ rewrite: true, conflict: 'skip' });
  assert.equal(files.texts.get(UNIT), '[Container]\n');
});

test('what is refused, waits for approval or got lost stays', async () => {
  quadlet('Environment=A=%H', 'Environment=B=2');
  writer.approval = 'change-1';
  const report = await run({ rewrite: true });
  assert.deepEqual(outcomes(report), { A: 'refused', B: 'approval' });
  assert.equal(files.texts.get(UNIT), '[Container]\nEnvironment=A=%H\nEnvironment=B=2\n');
  assert.deepEqual([report.exit, report.edits], [1, []]);
});

test('what was written is told although the comparison fails, and nothing is edited', async () => {
  quadlet('Environment=A=1');
  source.addFolder('main', '/app');
  // Before the import, after it, for the comparison.
  source.failNextAfter(2, new PsiError('PROVIDER_DOWN', 'infisical is away', { hint: 'wait' }));
  const report = await run({ rewrite: true });
  assert.deepEqual(outcomes(report), { A: 'created' });
  assert.match(report.failure?.message ?? '', /^what is there now could not be compared .*: infisical is away$/);
  assert.match(report.failure?.hint ?? '', /--conflict skip/);
  assert.deepEqual([report.exit, report.edits], [69, []]);
  assert.equal(files.texts.get(UNIT), '[Container]\nEnvironment=A=1\n');
});

test('after a conflict nothing is edited', async () => {
  quadlet('Environment=A=1');
  source.set('main', '/app', 'A', '1');
  const report = await run({ rewrite: true });
  assert.deepEqual([report.failure?.code, report.edits, report.next], ['CONFLICT', [], null]);
  assert.equal(files.texts.has(`${UNIT}.bak`), false);
});

test('a dry run says what would go and writes nothing', async () => {
  quadlet('Environment=A=1');
  const report = await run({ rewrite: true, dryRun: true });
  assert.deepEqual(report.edits, [{ path: UNIT, removed: [`${UNIT}:2 Environment= A`], backup: null }]);
  assert.deepEqual([stored(), files.texts.has(`${UNIT}.bak`)], [{}, false]);
});

test('a quadlet that cannot be edited is a failure of its own: the import stands', async () => {
  quadlet('Environment=A=1');
  files.stuck.add(UNIT);
  const report = await run({ rewrite: true });
  assert.deepEqual([report.editFailure?.code, report.exit, stored()], ['CONFLICT', 1, { A: '1' }]);
  assert.ok(report.next?.commands.includes('psi … --rewrite'));
});

test('secrets are left alone and said, unless they are to be resolved', async () => {
  quadlet('Secret=db,type=env,target=C');
  const { notes, results } = await run();
  assert.deepEqual(results, []);
  assert.match(notes.join('\n'), /app\.container:2: C comes from a podman secret[^]*--resolve-secrets/);
});

test('of secrets: psi’s own are left, those that are no text or not there are refused', async () => {
  quadlet('Secret=own,type=env,target=A', 'Secret=bin,type=env,target=B', 'Secret=gone,type=env,target=C');
  podman.set('own', { reason: 'not to be asked', psi: true });
  podman.set('bin', { reason: 'the value is not valid UTF-8' });
  const report = await run({ resolveSecrets: true });
  assert.deepEqual(outcomes(report), { B: 'refused', C: 'refused' });
  assert.match(report.notes.join('\n'), /A comes from psi already/);
});

test('an env value that is no text is refused by name', async () => {
  quadlet('EnvironmentFile=/e');
  files.texts.set('/e', Uint8Array.of(0x41, 0x3d, 0xff, 0x0a, 0x42, 0x3d, 0x31));
  assert.deepEqual(outcomes(await run()), { A: 'refused', B: 'created' });
});

test('an env file that cannot be read stops everything and says where, and what to run', async () => {
  quadlet('Environment=A=1', 'EnvironmentFile=/far/app.env');
  await assert.rejects(
    run(),
    (error) =>
      error instanceof PsiError &&
      error.message.startsWith('/q/app.container:3: there is no /far/app.env') &&
      error.hint === 'run it there',
  );
  assert.deepEqual(writer.calls, []);
});

test('a line of an env file at which podman gives up stops everything', async () => {
  quadlet('EnvironmentFile=/e');
  files.texts.set('/e', 'A=1\n=2\n');
  await assert.rejects(run(), (error) => error instanceof PsiError && /^\/e:2: /.test(error.message));
});

test('rewrite is refused, before anything is written, where a later drop-in takes psi’s secrets back', async () => {
  quadlet('Environment=A=1');
  files.texts.set(`${UNIT}.d/90-x.conf`, '[Container]\nSecret=\n');
  await assert.rejects(run({ rewrite: true }), (error) => error instanceof PsiError && error.code === 'CONFLICT');
  assert.deepEqual(writer.calls, []);
  assert.match((await run()).notes.join('\n'), /takes back the secrets/);
});

test('another file than a container unit is a mistake of the command', async () => {
  await assert.rejects(run({ path: '/q/app.pod' }), (error) => error instanceof PsiError && error.code === 'USAGE');
});

test('says what to put into the config, and the commands in an order that leaves no gap', async () => {
  quadlet('Environment=A=1');
  const { next } = await run();
  assert.equal(next?.config, 'workloads:\n  app:\n    secrets:\n      - { project: main, path: /app }');
  assert.deepEqual(next.commands, [
    'podman exec psi psi setup',
    'psi … --rewrite',
    'systemctl daemon-reload',
    'systemctl restart app.service',
  ]);
});

test('keys of the folder that the unit did not have are kept from it', async () => {
  quadlet('Environment=A=1 B=2');
  source.set('main', '/app', 'OTHER', 'x');
  assert.match((await run()).next?.config ?? '', /\{ project: main, path: \/app, include: \[A, B\] \}/);
});

test('a config that has the workload and the folder needs nothing', async () => {
  quadlet('Environment=A=1');
  const spec = { ...PLACE, recursive: false, include: [], exclude: [], prefix: '', mode: undefined, allowEmpty: false };
  workloads = [
    { name: 'app', provider: 'infisical', unit: 'app.container', dependsOn: [], secrets: [{ ...spec, as: 'env' }] },
  ];
  assert.equal((await run({ rewrite: true })).next?.config, undefined);
  workloads = [{ name: 'shop', provider: 'infisical', unit: 'app.container', dependsOn: [], secrets: [] }];
  assert.match(
    (await run({ conflict: 'skip' })).next?.config ?? '',
    /^# one more source of the workload shop\nsecrets:/,
  );
});
