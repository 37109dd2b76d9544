// Which packages `npm run setup` asks for on systems that are not at hand, and when npm's work is already done.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compilerLacks,
  installCommand,
  isInStep,
  isNewEnough,
  needsBuild,
  needsNative,
  planPackages,
  purposeOfTests,
  readPurpose,
  readSystem,
} from '../../../scripts/setup-plan.mjs';

const DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n';
const UBUNTU = 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nNAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n';
const FEDORA = 'NAME="Fedora Linux"\nVERSION_ID=42\nID=fedora\nPRETTY_NAME="Fedora Linux 42 (Server Edition)"\n';
const RHEL =
  'NAME="Red Hat Enterprise Linux"\nID="rhel"\nID_LIKE="fedora"\nPRETTY_NAME="Red Hat Enterprise Linux 10.0"\n';
const ROCKY = 'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\nPRETTY_NAME="Rocky Linux 9.5"\n';
const ALPINE = 'NAME="Alpine Linux"\nID=alpine\nPRETTY_NAME="Alpine Linux v3.22"\n';

const nothing = (): boolean => false;
const everything = (): boolean => true;

test('tells the families of Debian, Ubuntu, Fedora, RHEL and its rebuilds apart', () => {
  const families = [DEBIAN, UBUNTU, FEDORA, RHEL, ROCKY, ALPINE, ''].map((text) => readSystem(text).family);
  assert.deepEqual(families, ['debian', 'debian', 'fedora', 'fedora', 'fedora', 'other', 'other']);
  assert.equal(readSystem(UBUNTU).name, 'Ubuntu 24.04.1 LTS');
});

test('asks for everything on an empty Debian or Ubuntu that is to run the tests', () => {
  const expected = (
    'g++ make python3 libtss2-dev gcc musl-dev podman netavark crun curl util-linux tar busybox-static dbus openssl ' +
    'systemd-container debootstrap debian-archive-keyring swtpm tpm2-tools qemu-system-x86 e2fsprogs age libnss3 ' +
    'gcc-aarch64-linux-gnu qemu-user clang libclang-rt-dev'
  ).split(' ');
  assert.deepEqual(planPackages(readSystem(DEBIAN), 'test', nothing).packages, expected);
  assert.deepEqual(planPackages(readSystem(UBUNTU), 'test', nothing).packages, expected);
});

test('uses the names that Fedora gives the same packages', () => {
  const { packages, notes } = planPackages(readSystem(FEDORA), 'test', nothing);
  assert.deepEqual(
    packages,
    (
      'gcc-c++ make python3 tpm2-tss-devel gcc musl-devel musl-libc-static podman crun curl util-linux tar busybox ' +
      'dbus-daemon openssl systemd-container debootstrap debian-keyring swtpm tpm2-tools qemu-system-x86-core e2fsprogs ' +
      'age nss-softokn gcc-aarch64-linux-gnu qemu-user clang compiler-rt'
    ).split(' '),
  );
  assert.deepEqual(notes, []);
});

test('says on RHEL and its rebuilds where the packages outside their own repositories come from', () => {
  for (const text of [RHEL, ROCKY]) {
    for (const purpose of ['demo', 'build'] as const) {
      assert.match(planPackages(readSystem(text), purpose, nothing).notes.join(), /dnf install epel-release/);
    }
    assert.deepEqual(planPackages(readSystem(text), 'test', everything).notes, []);
  }
});

test('asks for nothing that is there and for nothing that the purpose does not need', () => {
  const system = readSystem(DEBIAN);
  assert.deepEqual(planPackages(system, 'test', everything).packages, []);
  assert.deepEqual(planPackages(system, 'build', nothing).packages, [
    ...['g++', 'make', 'python3', 'libtss2-dev', 'gcc', 'musl-dev'],
  ]);
  const demo = planPackages(system, 'demo', nothing).packages;
  for (const name of ['debootstrap', 'g++', 'libtss2-dev', 'musl-dev']) assert.ok(!demo.includes(name));
  assert.deepEqual(planPackages(system, 'test', (command) => command !== 'crun').packages, ['crun']);
});

test('compiles native parts for the tests and not for the demo, and names what the compiler lacks', () => {
  assert.deepEqual((['build', 'demo', 'test'] as const).map(needsNative), [true, false, true]);
  assert.deepEqual(compilerLacks(['swtpm', 'tpm2-tss headers', 'podman', 'static musl']), ['tpm2-tss headers']);
});

test('names what is missing where it knows no package manager', () => {
  const plan = planPackages(readSystem(ALPINE), 'demo', (command) => command !== 'podman');
  assert.deepEqual(plan, { commands: ['podman'], packages: [], notes: [] });
});

test('installs without questions and without recommended packages', () => {
  assert.deepEqual(installCommand(readSystem(DEBIAN), ['a', 'b']).slice(0, 4), [
    'apt-get',
    'install',
    '--yes',
    '--no-install-recommends',
  ]);
  assert.equal(
    installCommand(readSystem(FEDORA), ['a', 'b']).join(' '),
    'dnf install --assumeyes --setopt=install_weak_deps=False a b',
  );
});

test('reads the purpose and refuses any other argument', () => {
  assert.equal(readPurpose([]), 'test');
  assert.equal(readPurpose(['--for=demo']), 'demo');
  for (const args of [['--for=all'], ['demo'], ['--for=demo', '--for=test'], ['--help'], ['--for=toString']]) {
    assert.equal(readPurpose(args), undefined);
  }
});

test('makes only npm packages ready for tests that need no more, chosen by tier or by file', () => {
  const plain = [
    ['unit'],
    ['static', 'unit'],
    ['test/unit/core/mapping.test.ts'],
    ['unit', './test/unit/core/a.test.ts'],
    ['untit'],
  ];
  assert.deepEqual(new Set(plain.map(purposeOfTests)), new Set(['unit']));
  const others = [
    [],
    ['contract'],
    ['unit', 'host'],
    ['unit', 'test/contract/run-lock.test.ts'],
    ['packages/x/test/a.test.ts'],
  ];
  assert.deepEqual(new Set(others.map(purposeOfTests)), new Set(['test']));
  assert.deepEqual(planPackages(readSystem(DEBIAN), 'unit', nothing).packages, []);
  assert.deepEqual([needsNative('unit'), needsBuild('unit'), needsBuild('test')], [false, false, true]);
});

test('takes Node 24.5 and later for new enough', () => {
  const versions = ['v20.20.2', 'v24.4.1', 'v24.5.0', 'v24.11.0', '26.1.0', 'nonsense'];
  assert.deepEqual(versions.map(isNewEnough), [false, false, true, true, true, false]);
});

test('finds node_modules in step when every package has the version of the lock file', () => {
  const lock = {
    packages: {
      '': { version: '0.1.0' },
      'packages/own': { version: '1.0.0' },
      'node_modules/own': { link: true },
      'node_modules/got': { version: '16.1.0' },
      'node_modules/other-platform': { version: '1.0.0', optional: true },
    },
  };
  const got = (version: string): Record<string, { version: string }> => ({ 'node_modules/got': { version } });
  assert.equal(isInStep(lock, { packages: got('16.1.0') }), true);
  assert.equal(isInStep(lock, { packages: got('16.0.0') }), false);
  assert.equal(isInStep(lock, { packages: {} }), false);
  assert.equal(isInStep(lock, undefined), false);
  assert.equal(isInStep(lock, { packages: { ...got('16.1.0'), 'node_modules/extra': { version: '1.0.0' } } }), false);
  assert.equal(
    isInStep(lock, { packages: { ...got('16.1.0'), 'node_modules/other-platform': { version: '2.0.0' } } }),
    false,
  );
});
