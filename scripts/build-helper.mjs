// Builds the lookup helper (packages/psi-lookup) into dist/helper: `npm run helper`, and with `-- --arch arm64` (or amd64) for another machine, into
// a folder of its name. Static, with musl in place of the system's C library. Plain JavaScript: an old Node and the Containerfile run it.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const TREE = dirname(dirname(fileURLToPath(import.meta.url)));
const PACKAGE = join(TREE, 'packages/psi-lookup');
const SOURCES = ['psi-lookup.c', 'psi-lookup.h'].map((name) => join(PACKAGE, 'src', name));

const ARCHES = {
  amd64: { node: 'x64', name: 'x86_64', flags: ['-fcf-protection=full'] },
  arm64: { node: 'arm64', name: 'aarch64', flags: ['-mbranch-protection=standard', '-mno-outline-atomics'] },
};

const FLAGS = [
  ...[
    '-std=c17',
    '-O2',
    '-Wall',
    '-Wextra',
    '-Wpedantic',
    '-Wconversion',
    '-Wshadow',
    '-Wformat=2',
    '-Wstrict-prototypes',
  ],
  ...['-Wmissing-prototypes', '-Wcast-qual', '-Wvla', '-Werror', '-fPIE', '-ffunction-sections', '-fdata-sections'],
  ...[
    '-fstack-protector-strong',
    '-fstack-clash-protection',
    '-fno-strict-overflow',
    '-fno-delete-null-pointer-checks',
  ],
];
const LINK = ['-nostdlib', '-static-pie', '-s', '-Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections,--build-id=none'];

const UNAVAILABLE = 69;

function fail(status, text, hint) {
  process.stderr.write(`error: ${text}\nhint: ${hint}\n`);
  process.exit(status);
}

/** Its output, or undefined where it failed. */
function output(argv, options = {}) {
  const result = spawnSync(argv[0], argv.slice(1), { encoding: 'utf8', ...options });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

/** musl as Debian and as Fedora have it below a root; undefined: not there, or only for programs that are not static. */
function muslBelow(root, name) {
  const places = [
    { include: `usr/include/${name}-linux-musl`, lib: `usr/lib/${name}-linux-musl` },
    { include: `usr/${name}-linux-musl/include`, lib: `usr/${name}-linux-musl/lib64` },
  ];
  const found = places.find(({ lib }) => ['libc.a', 'rcrt1.o'].every((file) => existsSync(join(root, lib, file))));
  return found && { include: join(root, found.include), lib: join(root, found.lib) };
}

/** Debian's package for an architecture that this machine does not install: its lists and itself go into a folder of ours, so apt's own stay as they are. */
function fetchMusl(arch) {
  const root = join(PACKAGE, 'build', `musl-${arch}`);
  if (existsSync(root)) return root;
  mkdirSync(dirname(root), { recursive: true });
  const draft = mkdtempSync(`${root}.`);
  try {
    for (const folder of ['lists/partial', 'cache/archives/partial'])
      mkdirSync(join(draft, folder), { recursive: true });
    const apt = [
      ...['apt-get', '-qq', '-o', `APT::Architectures=${arch}`, '-o', `Dir::State::Lists=${join(draft, 'lists')}`],
      ...[
        '-o',
        `Dir::Cache=${join(draft, 'cache')}`,
        '-o',
        'APT::Sandbox::User=root',
        '-o',
        'Acquire::http::Timeout=20',
        '-o',
        'Acquire::Retries=1',
      ],
    ];
    // A list of somebody else's that cannot be had is no matter.
    output([...apt, 'update'], { cwd: draft });
    output([...apt, 'download', `musl-dev:${arch}`], { cwd: draft });
    const file = readdirSync(draft).find((name) => name.endsWith('.deb'));
    if (file === undefined || output(['dpkg-deb', '--extract', file, 'root'], { cwd: draft }) === undefined)
      return undefined;
    renameSync(join(draft, 'root'), root);
    return root;
  } catch (error) {
    // Another run may have been faster.
    if (existsSync(root)) return root;
    throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function muslFor(arch) {
  const { name } = ARCHES[arch];
  const own = muslBelow('/', name);
  if (own || isOwn(arch)) return own;
  const fetched = fetchMusl(arch);
  return fetched && muslBelow(fetched, name);
}

const isOwn = (arch) => process.arch === ARCHES[arch].node;

const compilerFor = (arch) => (isOwn(arch) ? (process.env.CC ?? 'gcc') : `${ARCHES[arch].name}-linux-gnu-gcc`);

function compile(arch, target) {
  const compiler = compilerFor(arch);
  const version = output([compiler, '--version']);
  const setUp = 'npm run setup';
  if (version === undefined) fail(UNAVAILABLE, `the lookup helper is not built: no ${compiler} here`, setUp);
  const musl = muslFor(arch);
  if (musl === undefined) fail(UNAVAILABLE, `the lookup helper is not built: no static musl for ${arch} here`, setUp);
  const gccs = (what) => output([compiler, what]) ?? '';
  const draft = `${target}.${process.pid}.tmp`;
  const argv = [
    ...[compiler, ...FLAGS, ...ARCHES[arch].flags, '-nostdinc', '-isystem', musl.include],
    ...['-isystem', gccs('-print-file-name=include'), `-DPSI_VERSION="${versionOfPsi()}"`],
    ...[
      `-ffile-prefix-map=${TREE}=.`,
      ...LINK,
      '-o',
      draft,
      join(musl.lib, 'rcrt1.o'),
      join(musl.lib, 'crti.o'),
      SOURCES[0],
    ],
    ...[`-L${musl.lib}`, '-lc', gccs('-print-libgcc-file-name'), join(musl.lib, 'crtn.o')],
  ];
  mkdirSync(dirname(target), { recursive: true });
  const { status, stderr, error } = spawnSync(argv[0], argv.slice(1), { encoding: 'utf8' });
  if (status !== 0) {
    process.stderr.write(`${stderr ?? ''}${error?.message ?? ''}\n`);
    fail(1, `the lookup helper does not compile for ${arch}`, 'see the lines above');
  }
  renameSync(draft, target);
}

const versionOfPsi = () => JSON.parse(readFileSync(join(TREE, 'package.json'), 'utf8')).version;

function recipeOf(arch) {
  const hash = createHash('sha256').update(`${arch}\0${versionOfPsi()}\0`);
  for (const path of [...SOURCES, fileURLToPath(import.meta.url)]) hash.update(readFileSync(path)).update('\0');
  return hash.digest('hex');
}

function build(arch) {
  const target = join(TREE, 'dist/helper', ...(isOwn(arch) ? [] : [arch]), 'psi-lookup');
  const stamp = join(dirname(target), '.sources');
  const recipe = recipeOf(arch);
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, 'utf8') === recipe) return;
  compile(arch, target);
  writeFileSync(stamp, recipe);
  process.stdout.write(`built ${relative(TREE, target)} for ${arch}\n`);
}

function archOf(args) {
  const own = Object.keys(ARCHES).find(isOwn);
  if (args.length === 0) return own;
  return args.length === 2 && args[0] === '--arch' && Object.hasOwn(ARCHES, args[1]) ? args[1] : undefined;
}

const arch = archOf(process.argv.slice(2));
if (arch === undefined) fail(64, 'no such machine', `npm run helper [-- --arch ${Object.keys(ARCHES).join('|')}]`);
build(arch);
