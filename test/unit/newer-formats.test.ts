// What a newer PSI left on a host that went back to this one, format by format: it is told by name, nothing of it is taken for damage,
// removed or replaced, and what can be done without it is done (docs/compatibility.md).

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

import { EncryptedCacheFile } from '../../src/adapters/cache-file/cache-file.ts';
import { CertificateStateFiles } from '../../src/adapters/files/certificate-states.ts';
import { MappingFiles } from '../../src/adapters/files/mapping-file.ts';
import { NameFile } from '../../src/adapters/files/name-file.ts';
import { ReloadDebtFile } from '../../src/adapters/files/reload-debt-file.ts';
import { ReplaceDebtFile } from '../../src/adapters/files/replace-debt-file.ts';
import { SetupDebtFile } from '../../src/adapters/files/setup-debt-file.ts';
import { TokenFiles } from '../../src/adapters/files/token-file.ts';
import { keyProblem } from '../../src/adapters/sealed/defects.ts';
import { SealedFolder } from '../../src/adapters/sealed/sealed-folder.ts';
import { toPsiError, PsiError } from '../../src/core/error.ts';
import { looksLikeMapping } from '../../src/core/mapping.ts';
import { secretId } from '../../src/core/naming.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import { ownValues } from '../../src/host/own-values.ts';
import { otherUnits, UNITS_REVISION } from '../../src/host/units/revision.ts';
import { isPsiUnit } from '../../src/host/units/unit-file.ts';
import { HelperUse } from '../../src/lookup/helper-use.ts';
import { DriverStore } from '../../src/lookup/driver-store.ts';
import { MappingTable } from '../../src/lookup/mapping-table.ts';
import { markerOf } from '../../src/migrate/marker.ts';
import { differences } from '../../src/registration/driver-command/differences.ts';
import { driverOptions, isPsiOptions } from '../../src/registration/driver-command/options.ts';
import { isPsiDropIn } from '../../src/registration/drop-in.ts';
import { Replaces } from '../../src/registration/replaces.ts';
import { CertificateEnds } from '../../src/service/certificate-ends.ts';
import { WANTED } from '../contract/certificate-authority.contract.ts';
import { FakeClock } from '../fakes/clock.fake.ts';
import { fetched } from '../fakes/fetched.ts';
import { FakeHostTree } from '../fakes/host-tree.fake.ts';
import { FakeKeyWrapper } from '../fakes/key-wrapper.fake.ts';
import { FakeMappingStore } from '../fakes/mapping-store.fake.ts';
import { FakeNameStore } from '../fakes/name-store.fake.ts';
import { INPUT, setupStage, workload } from './registration/setup-stage.ts';

let stateDir: string;
before(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'psi-newer-'));
});
after(() => rm(stateDir, { recursive: true, force: true }));

/** Puts it there; resolves to what asserts that it is there as it was. */
async function left(name: string, content: string | Uint8Array): Promise<() => Promise<void>> {
  const path = join(stateDir, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return async () => {
    assert.deepEqual(await readFile(path), Buffer.from(content), name);
  };
}

function assertNamed(error: PsiError | undefined, name: string): void {
  const { message = '', hint = '' } = error ?? {};
  assert.ok(message.includes(join(stateDir, name)), message);
  assert.match(`${message}; ${hint}`, /a newer psi wrote it/);
  assert.match(hint, /start that (psi|one) again/);
}

const failureOf = (work: Promise<unknown>): Promise<PsiError> =>
  work.then(() => assert.fail('it succeeded'), toPsiError);

const ID = secretId('0123456789abcdef012345678');
const NEWER_MAPPING = JSON.stringify({ format: 2, provider: 'infisical', uri: 'infisical://main/app/A', pinned: 7 });

test('a mapping fails its own lookups, and no setup, prune or uninstall takes it away', async () => {
  const unchanged = await left(ID, NEWER_MAPPING);
  const table = await MappingTable.load(new MappingFiles({ stateDir }), new FakeNameStore());
  assertNamed(table.whyMissing(ID), ID);
  assertNamed(table.problems()[0]?.error, ID);
  assert.deepEqual([table.isOwn(ID), table.get(ID), table.all()], [true, undefined, []]);
  const tree = new FakeHostTree();
  tree.files.set(`/var/lib/psi/${ID}`, NEWER_MAPPING);
  const [staying, ...others] = await ownValues(tree, '/var/lib/psi', []);
  assert.deepEqual([staying?.subject, others], [ID, []]);
  assert.match(staying?.reason ?? '', /a newer psi wrote its mapping/);
  await unchanged();
  await rm(join(stateDir, ID));
});

for (const own of [{ blob: 'AQBo' }, { name: 'db' }, { project: 'p', path: '/app', key: 'A' }]) {
  test(`a mapping of a newer format is none that it looks like: ${Object.keys(own).join(', ')}`, async () => {
    const text = JSON.stringify({ provider: 'infisical', ...own, format: 2 });
    const unchanged = await left(ID, text);
    const found = await new MappingFiles({ stateDir }).read(ID);
    assert.ok(found instanceof PsiError);
    assertNamed(found, ID);
    await unchanged();
    await rm(join(stateDir, ID));
  });
}

test('a mapping that Podman is given anew is refused, and not sealed as if it were a value', async () => {
  assert.ok(looksLikeMapping(NEWER_MAPPING));
  const mappings = await MappingTable.load(new FakeMappingStore(), new FakeNameStore());
  const store = new DriverStore(mappings);
  await assert.rejects(store.store(ID, Buffer.from(NEWER_MAPPING)), { code: 'NOT_A_MAPPING' });
});

test('names of the secrets are done without, said, and kept for whoever wrote them', async () => {
  const unchanged = await left('names.json', '{"format":2,"names":[]}');
  const file = new NameFile({ stateDir });
  assert.equal((await file.load()).size, 0);
  assertNamed(file.problem, 'names.json');
  await file.save(new Map([[ID, { name: 'app--A', workload: 'app' }]]));
  await unchanged();
  await left('names.json', '{"format":1,"secrets":{}}');
  const good = new NameFile({ stateDir });
  await good.load();
  assert.equal(good.problem, undefined);
});

test('replaces that a newer PSI owes are neither forgotten nor written over: no further one is begun', async () => {
  const unchanged = await left('replace.owed', '{"format":2,"secrets":{"app--A":{}}}');
  const stage = await setupStage();
  stage.target.workloads = [workload('app')];
  stage.folders['/app'] = { A: '1' };
  await stage.run();
  const { registry, mappings, headerFile } = stage;
  const deps = { registry, mappings, headerFile, unreachable: () => Promise.resolve(undefined) };
  const replaces = await Replaces.begin({ ...deps, debt: new ReplaceDebtFile({ stateDir }) });
  assertNamed(replaces.unread, 'replace.owed');
  const [current] = await stage.registry.list();
  assert.ok(current);
  const mapping = stage.mappings.get(current.id);
  assert.ok(mapping);
  const options = driverOptions({ ...INPUT, maxTimeSeconds: 40 });
  const replace = replaces.replace({ current, mapping, workload: 'app' }, { options, socketToken: undefined });
  assertNamed(await failureOf(replace), 'replace.owed');
  assert.deepEqual(await stage.registry.list(), [current]);
  await replaces.forgetUnread();
  assertNamed(replaces.unread, 'replace.owed');
  await unchanged();
});

test('a setup that is owed is owed for all workloads', async () => {
  await left('setup.owed', '{"format":2,"workloads":["app"],"since":1}');
  assert.deepEqual(await new SetupDebtFile({ stateDir }).read(), { workloads: undefined });
});

test('a reload is owed, whatever stands in the file', async () => {
  await left('reload.owed', '{"format":2}');
  assert.equal(await new ReloadDebtFile({ stateDir }).owed(), true);
});

test('an access token costs one login', async () => {
  await left('.token.0123456789ab.json', '{"format":2,"tokens":[]}');
  assert.equal(await new TokenFiles({ stateDir }).get('0123456789ab'), undefined);
});

test('the state of a certificate fails its own run, is no certificate that was never issued, and stays', async () => {
  const unchanged = await left(`tls/${WANTED.name}.json`, '{"version":2,"orders":[]}');
  const states = new CertificateStateFiles({ stateDir });
  assertNamed(await failureOf(states.get(WANTED.name)), `tls/${WANTED.name}.json`);
  const ends = new CertificateEnds({ states, clock: new FakeClock() });
  const problems = await ends.look([WANTED]);
  assert.deepEqual(
    problems.map(({ severity, message }) => [severity, /a newer psi wrote it/.test(message)]),
    [['warning', true]],
  );
  await unchanged();
});

test('a migration that a newer PSI has begun is left to it', () => {
  assert.throws(() => markerOf('/etc/psi/migrate.owed', '{"version":2,"steps":[]}'), {
    code: 'HOST',
    message: 'the file /etc/psi/migrate.owed is of format 2, and this psi knows 1: a newer psi wrote it',
  });
});

const VALUE = { mapping: { provider: 'infisical', project: 'p', path: '/app', key: 'A' }, ...fetched('value') };
const keys = new FakeKeyWrapper('tpm');
const recipients = { own: [keys], recovery: [] };

/** As a newer PSI would have written it: the version in its header is the next one. */
async function raised(name: string): Promise<() => Promise<void>> {
  const bytes = await readFile(join(stateDir, name));
  bytes.writeUInt16BE(bytes.readUInt16BE(4) + 1, 4);
  return left(name, bytes);
}

test('a cache is locked and stays: lookups go live', async () => {
  const file = new EncryptedCacheFile({ recipients }, { path: join(stateDir, 'cache.enc') });
  await file.write({ entries: [VALUE], writtenAt: 1 });
  const unchanged = await raised('cache.enc');
  const error = await failureOf(file.read());
  assertNamed(error, 'cache.enc');
  assert.equal(error.details['damaged'], false);
  await unchanged();
});

test('a sealed secret is named, and stays beside what takes its place', async () => {
  const folder = new SealedFolder({ recipients }, { stateDir });
  await folder.write('db', new SecretValue(Buffer.from('value')), 1_000);
  const unchanged = await raised('sealed/db');
  assertNamed(await failureOf(folder.read('db')), 'sealed/db');
  await unchanged();
  const newer = await readFile(join(stateDir, 'sealed/db'));
  await folder.write('db', new SecretValue(Buffer.from('stored anew')), 2_000);
  const [aside] = await folder.listAside();
  assert.ok(aside);
  assert.deepEqual(await readFile(join(stateDir, `sealed/.aside/db~${String(aside.asideAt)}`)), newer);
});

test('a key that a newer PSI wrapped is none that is damaged', () => {
  const error = new PsiError('CACHE_CORRUPT', 'of another format', { details: { reason: 'version' } });
  assertNamed(keyProblem(error, join(stateDir, 'sealed/db'), []), 'sealed/db');
});

test('driver commands of a newer shape are its own, and are replaced by those of now', () => {
  const lookup = "helper --ask $SECRET_ID || other-client -H 'x-psi-command: 12'";
  const newer = { lookup, store: "store -H 'x-psi-command: 12'", delete: 'delete', list: 'list' };
  assert.ok(isPsiOptions(newer));
  assert.match(differences(driverOptions(INPUT), newer), /they are those of another version of psi/);
  const use = new HelperUse();
  use.saw('12');
  assert.equal(use.last, 'curl', 'one that asks is answered as the commands of now are');
});

test('a drop-in and units in other words are its own, and of newer units status tells', () => {
  assert.ok(isPsiDropIn('# Written by PSI (psi rotate). Other words.\n[Container]\nSecret=a,type=env,target=A\n'));
  assert.ok(isPsiUnit('# Written by PSI (psi systemd install). Other words.\n[Container]\n'));
  assert.match(otherUnits(UNITS_REVISION + 1, 'system')?.message ?? '', /newer than the image/);
});
