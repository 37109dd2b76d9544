// What a machine lacks, decided from text alone: which packages under which names, whether node_modules and dist are in
// step. Pure, so that it can be tested for systems that are not at hand. Plain JavaScript: an old Node runs it.

/** What PSI's commands need from the system. `command` is looked for; the package is named per family. */
const NEEDS = [
  { purpose: 'build', command: 'g++', debian: ['g++'], fedora: ['gcc-c++'] },
  { purpose: 'build', command: 'make', debian: ['make'], fedora: ['make'] },
  { purpose: 'build', command: 'python3', debian: ['python3'], fedora: ['python3'] },
  { purpose: 'build', command: 'tpm2-tss headers', debian: ['libtss2-dev'], fedora: ['tpm2-tss-devel'] },
  { purpose: 'build', command: 'cc', debian: ['gcc'], fedora: ['gcc'] },
  // Of the lookup helper, which is static: no library of the host is like that of another.
  { purpose: 'build', command: 'static musl', debian: ['musl-dev'], fedora: ['musl-devel', 'musl-libc-static'] },
  { purpose: 'demo', command: 'podman', debian: ['podman', 'netavark'], fedora: ['podman'] },
  { purpose: 'demo', command: 'crun', debian: ['crun'], fedora: ['crun'] },
  { purpose: 'demo', command: 'curl', debian: ['curl'], fedora: ['curl'] },
  { purpose: 'demo', command: 'unshare', debian: ['util-linux'], fedora: ['util-linux'] },
  { purpose: 'demo', command: 'tar', debian: ['tar'], fedora: ['tar'] },
  // Debian's plain busybox needs shared libraries, which an image of busybox alone has not.
  { purpose: 'demo', command: 'static busybox', debian: ['busybox-static'], fedora: ['busybox'] },
  { purpose: 'demo', command: 'dbus-daemon', debian: ['dbus'], fedora: ['dbus-daemon'] },
  { purpose: 'test', command: 'openssl', debian: ['openssl'], fedora: ['openssl'] },
  { purpose: 'test', command: 'systemd-nspawn', debian: ['systemd-container'], fedora: ['systemd-container'] },
  { purpose: 'test', command: 'debootstrap', debian: ['debootstrap'], fedora: ['debootstrap'] },
  // Without the archive's keys debootstrap would take packages unchecked.
  { purpose: 'test', command: 'debian keys', debian: ['debian-archive-keyring'], fedora: ['debian-keyring'] },
  { purpose: 'test', command: 'swtpm', debian: ['swtpm'], fedora: ['swtpm'] },
  { purpose: 'test', command: 'tpm2_pcrextend', debian: ['tpm2-tools'], fedora: ['tpm2-tools'] },
  // The machine with a TPM and a kernel of its own, and its disk.
  {
    purpose: 'test',
    command: 'qemu-system-x86_64',
    debian: ['qemu-system-x86'],
    fedora: ['qemu-system-x86-core'],
  },
  { purpose: 'test', command: 'mke2fs', debian: ['e2fsprogs'], fedora: ['e2fsprogs'] },
  // The other implementation of recovery keys.
  { purpose: 'test', command: 'age', debian: ['age'], fedora: ['age'] },
  // The soft token of the HSM tests: NSS, behind a shim that the tests compile.
  { purpose: 'test', command: 'libsoftokn3.so', debian: ['libnss3'], fedora: ['nss-softokn'] },
  // The lookup helper for another machine, and on the search for its faults. This emulator is called by its name: the kernel learns nothing of it.
  {
    purpose: 'test',
    command: 'aarch64-linux-gnu-gcc',
    debian: ['gcc-aarch64-linux-gnu'],
    fedora: ['gcc-aarch64-linux-gnu'],
  },
  { purpose: 'test', command: 'qemu-aarch64', debian: ['qemu-user'], fedora: ['qemu-user'] },
  { purpose: 'test', command: 'clang', debian: ['clang'], fedora: ['clang'] },
  { purpose: 'test', command: 'sanitizers of clang', debian: ['libclang-rt-dev'], fedora: ['compiler-rt'] },
];

/** What each purpose needs. The demo runs without a cache, so without compiled parts; `unit` is for tests that need npm packages alone. */
const PURPOSES = { unit: [], build: ['build'], demo: ['demo'], test: ['build', 'demo', 'test'] };

/** The tiers of scripts/test.ts that need the system, compiled parts and the build. The others do with npm packages. */
const SYSTEM_TIERS = ['contract', 'process', 'sandbox', 'host', 'vm'];

export const NODE_MAJOR = 24;

/** The first of them whose HTTP agents know proxies. scripts/node has the same number. */
const NODE_MINOR = 5;

/** Reads an os-release text. */
export function readSystem(osRelease) {
  const value = (name) => new RegExp(`^${name}=["']?([^"'\\n]*)`, 'm').exec(osRelease)?.[1] ?? '';
  const ids = [value('ID'), ...value('ID_LIKE').split(' ')];
  const family = ids.includes('debian')
    ? 'debian'
    : ids.some((id) => ['fedora', 'rhel'].includes(id))
      ? 'fedora'
      : 'other';
  const enterprise = family === 'fedora' && value('ID') !== 'fedora';
  return { name: value('PRETTY_NAME') || value('ID') || 'this system', family, enterprise };
}

/** What RHEL and its rebuilds have in a repository beside their own. */
const OF_EPEL = /^(?:age|busybox|debootstrap|debian-keyring|musl-.*|gcc-aarch64-linux-gnu)$/;

/**
 * The packages to install for a purpose: those whose command is not there.
 * `has` answers for each command of a need.
 */
export function planPackages(system, purpose, has) {
  const lacking = NEEDS.filter((need) => PURPOSES[purpose].includes(need.purpose) && !has(need.command));
  const packages = system.family === 'other' ? [] : lacking.flatMap((need) => need[system.family]);
  const notes = [];
  if (system.enterprise && packages.some((name) => OF_EPEL.test(name))) {
    notes.push(
      'age, busybox, debootstrap, debian-keyring, musl and the compiler for arm64 come from EPEL here: dnf install epel-release',
    );
  }
  return { commands: lacking.map((need) => need.command), packages, notes };
}

/** Whether this purpose wants the native parts compiled. */
export const needsNative = (purpose) => PURPOSES[purpose].includes('build');

/** Whether this purpose runs PSI as it is built. */
export const needsBuild = (purpose) => purpose !== 'unit';

/** What only the lookup helper is made of. */
const OF_HELPER = ['cc', 'static musl'];

/** What the native parts need, of all commands that are missing. */
export const compilerLacks = (commands) =>
  NEEDS.filter((need) => need.purpose === 'build' && commands.includes(need.command))
    .map((need) => need.command)
    .filter((command) => !OF_HELPER.includes(command));

/** The command line that installs packages, without the rights it needs. */
export function installCommand(system, packages) {
  return system.family === 'debian'
    ? ['apt-get', 'install', '--yes', '--no-install-recommends', ...packages]
    : ['dnf', 'install', '--assumeyes', '--setopt=install_weak_deps=False', ...packages];
}

/** Reads `--for=PURPOSE`; answers undefined for anything else. */
export function readPurpose(args) {
  if (args.length === 0) return 'test';
  const purpose = args.length === 1 ? /^--for=(.*)$/.exec(args[0])?.[1] : undefined;
  return purpose !== undefined && Object.hasOwn(PURPOSES, purpose) ? purpose : undefined;
}

/** What `npm test` with these arguments (tiers, or files of the tiers) has to make ready. What is neither is refused later, at no cost. */
export function purposeOfTests(chosen) {
  const paths = chosen.map((name) => name.replace(/^\.\//, ''));
  const needSystem = (path) =>
    path.startsWith('packages/') || SYSTEM_TIERS.includes(/^test\/([^/]+)\//.exec(path)?.[1] ?? path);
  return paths.length === 0 || paths.some(needSystem) ? 'test' : 'unit';
}

export function isNewEnough(version) {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) > NODE_MAJOR || (Number(major) === NODE_MAJOR && Number(minor) >= NODE_MINOR);
}

/**
 * Whether what npm installed (node_modules/.package-lock.json) is what the lock file asks for. Packages for other
 * platforms are optional and may be absent.
 */
export function isInStep(lock, installed) {
  const wanted = entries(lock);
  const found = entries(installed);
  const right = [...wanted].every(([path, entry]) => {
    const there = found.get(path);
    return there === undefined ? entry.optional === true : there.version === entry.version;
  });
  return right && [...found.keys()].every((path) => wanted.has(path));
}

const entries = (lock) =>
  new Map(
    Object.entries(lock?.packages ?? {}).filter(
      ([path, entry]) => path.startsWith('node_modules/') && entry.link !== true,
    ),
  );
