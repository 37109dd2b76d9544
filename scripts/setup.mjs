// Makes this machine ready for PSI's build, demo or tests: system packages, Node 24, npm packages, native parts, the build.
// Does only what is missing and says what it does; a second run costs a moment. Runs on Node 20 without any package.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, closeSync, constants, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  NODE_MAJOR,
  compilerLacks,
  installCommand,
  isInStep,
  isNewEnough,
  needsBuild,
  needsNative,
  planPackages,
  readPurpose,
  readSystem,
} from './setup-plan.mjs';

const TREE = dirname(dirname(fileURLToPath(import.meta.url)));
const NODE24 = join(TREE, 'scripts/node24');
const SYSTEM_PATHS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin'];

const say = (text) => process.stdout.write(`setup: ${text}\n`);

function fail(text, hint) {
  process.stderr.write(`error: ${text}\n${hint === undefined ? '' : `hint: ${hint}\n`}`);
  process.exit(1);
}

/** Runs a command quietly; its output is shown only when it fails. */
function attempt(argv, options = {}) {
  const result = spawnSync(argv[0], argv.slice(1), { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (result.status === 0) return true;
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}\n`);
  return false;
}

const readText = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : '');
const readJson = (path) => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined);

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** All places of a command, the system's own folders included: a user's PATH often lacks the sbin ones. */
const placesOf = (command) =>
  [...new Set([...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_PATHS])]
    .map((folder) => join(folder, command))
    .filter(isExecutable);

// A dynamic executable names its loader within its first bytes.
function isStatic(path) {
  const head = Buffer.alloc(4096);
  const file = openSync(path, 'r');
  const length = readSync(file, head, 0, head.length, 0);
  closeSync(file);
  return !/ld-(linux|musl)/.test(head.toString('latin1', 0, length));
}

function has(command) {
  if (command === 'static busybox') return placesOf('busybox').some(isStatic);
  if (command === 'tpm2-tss headers') return existsSync('/usr/include/tss2/tss2_esys.h');
  if (command === 'libsoftokn3.so') return softTokenFolders().some((folder) => existsSync(join(folder, command)));
  if (command === 'static musl') return muslFolders().some((folder) => existsSync(join(folder, 'rcrt1.o')));
  if (command === 'sanitizers of clang') return hasSanitizers();
  if (command === 'debian keys') return existsSync('/usr/share/keyrings/debian-archive-keyring.gpg');
  return placesOf(command).length > 0;
}

// Debian before 13 has a folder of its own for NSS's modules.
const softTokenFolders = () =>
  ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64'].flatMap((folder) => [
    folder,
    join(folder, 'nss'),
  ]);

const muslFolders = () =>
  ['x86_64', 'aarch64'].flatMap((name) => [`/usr/lib/${name}-linux-musl`, `/usr/${name}-linux-musl/lib64`]);

function hasSanitizers() {
  const { stdout } = spawnSync('clang', ['-print-runtime-dir'], { encoding: 'utf8' });
  const folder = (stdout ?? '').trim();
  return existsSync(folder) && readdirSync(folder).some((name) => name.includes('fuzzer'));
}

/** Answers whether nothing is missing any more. */
function installPackages(purpose) {
  if (process.platform !== 'linux') return false;
  const system = readSystem(readText('/etc/os-release') || readText('/usr/lib/os-release'));
  const { commands, packages, notes } = planPackages(system, purpose, has);
  if (commands.length === 0) return true;
  if (packages.length === 0) {
    say(
      `missing: ${commands.join(', ')}; ${system.name} is neither of the Debian nor of the Fedora family: install them by hand`,
    );
    return false;
  }
  const command = installCommand(system, packages);
  for (const note of notes) say(note);
  if (process.getuid() !== 0) {
    say(`missing: ${commands.join(', ')}; as root: ${command.join(' ')}`);
    return false;
  }
  if (!isExecutable(placesOf(command[0])[0] ?? '')) {
    say(`missing: ${commands.join(', ')}; there is no ${command[0]} here: install ${packages.join(' ')} by hand`);
    return false;
  }
  say(`installing ${packages.join(' ')}`);
  const done = system.family === 'debian' ? aptInstall(command) : attempt(command);
  if (!done) say(`not installed: ${packages.join(' ')}; what needs them will be left out`);
  return done;
}

function aptInstall(command) {
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const known =
    existsSync('/var/lib/apt/lists') && readdirSync('/var/lib/apt/lists').some((name) => /_Packages(\.|$)/.test(name));
  // Old lists name files that a mirror no longer has: that shows as a failed download, and then they are renewed.
  if (known && spawnSync(command[0], command.slice(1), { stdio: 'ignore', ...options }).status === 0) return true;
  say('renewing the package lists (apt-get update)');
  attempt(['apt-get', 'update'], options);
  return attempt(command, options);
}

/** The folder of a Node that is new enough; installs one beside the scripts where the machine's is not. */
function nodeFolder() {
  if (isNewEnough(process.version)) return dirname(process.execPath);
  const folder = join(NODE24, 'node_modules', `node-linux-${process.arch}`, 'bin');
  const current = isInStep(
    readJson(join(NODE24, 'package-lock.json')),
    readJson(join(NODE24, 'node_modules/.package-lock.json')),
  );
  if (current && isExecutable(join(folder, 'node'))) return folder;
  say(`installing Node ${NODE_MAJOR} beside the scripts (this machine has ${process.version})`);
  const done = npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund'], NODE24, dirname(process.execPath));
  if (!done || !isExecutable(join(folder, 'node'))) {
    fail(
      `no Node ${NODE_MAJOR} for ${process.platform} ${process.arch} could be installed`,
      `install Node >= ${NODE_MAJOR}.5 and run \`npm run setup\` again`,
    );
  }
  return folder;
}

function npm(args, cwd, node) {
  const env = { ...process.env, PATH: `${node}${delimiter}${process.env.PATH ?? ''}` };
  // The npm that runs this script, if one does: a machine may have several.
  const own = process.env.npm_execpath;
  return own?.endsWith('.js') === true
    ? attempt([join(node, 'node'), own, ...args], { cwd, env })
    : attempt(['npm', ...args], { cwd, env });
}

function installModules(node) {
  const lock = readJson(join(TREE, 'package-lock.json'));
  if (isInStep(lock, readJson(join(TREE, 'node_modules/.package-lock.json')))) return;
  say('installing npm packages (npm ci)');
  if (!npm(['ci'], TREE, node)) fail('npm ci failed', 'see the lines above');
}

/** Answers whether the native parts are there, as far as the purpose wants them. */
function compileNative(purpose, node) {
  if (!needsNative(purpose)) return true;
  const lacking = compilerLacks(planPackages(readSystem(''), purpose, has).commands);
  if (lacking.length > 0) {
    say(`native parts not compiled: ${lacking.join(', ')} missing; the cache's TPM and HSM parts will be left out`);
    return false;
  }
  const done = spawnSync(join(node, 'node'), [join(TREE, 'scripts/build-native.mjs')], { cwd: TREE, stdio: 'inherit' });
  if (done.status !== 0) fail('the native parts were not built', 'see the lines above');
  return true;
}

/** Answers whether it is there. Where it cannot be built, that is said, and PSI goes by curl. */
function buildHelper(purpose, node) {
  if (!needsNative(purpose)) return true;
  const done = spawnSync(join(node, 'node'), [join(TREE, 'scripts/build-helper.mjs')], { cwd: TREE, stdio: 'inherit' });
  return done.status === 0;
}

function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths.sort()) hash.update(`${path}\0`).update(readFileSync(join(TREE, path)));
  return hash.digest('hex');
}

function build(node) {
  const sources = readdirSync(join(TREE, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(TREE.length + 1));
  const hash = hashOf([
    ...sources,
    'scripts/build.mjs',
    'scripts/unused-parts.mjs',
    'scripts/compile-parts.mjs',
    'tsconfig.json',
    'package-lock.json',
  ]);
  const stamp = join(TREE, 'dist/.sources');
  if (readText(stamp) === hash && existsSync(join(TREE, 'dist/main.cjs'))) return;
  say('building');
  if (!attempt([join(node, 'node'), join(TREE, 'scripts/build.mjs')], { cwd: TREE }))
    fail('the build failed', 'see the lines above');
  writeFileSync(stamp, hash);
}

const purpose = readPurpose(process.argv.slice(2));
if (purpose === undefined) fail('unknown option', 'node scripts/setup.mjs [--for=unit|build|demo|test]');
const start = performance.now();
const installed = installPackages(purpose);
const node = nodeFolder();
installModules(node);
const compiled = compileNative(purpose, node);
if (needsBuild(purpose)) build(node);
const complete = [buildHelper(purpose, node), installed, compiled].every(Boolean);
say(
  `ready for ${purpose}${complete ? '' : ', but for what is missing'} (${((performance.now() - start) / 1000).toFixed(1)} s)`,
);
