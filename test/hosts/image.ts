// PSI's image, built from the Containerfile as it stands, kept as an archive until one of its inputs changes.
// No registry is asked: the base is a local image (Debian root + Node) under the very name that FROM gives.
import { createHash } from 'node:crypto';
import { readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { baseRoot, baseRootSupport, cacheDir, exists } from './base-root.ts';
import { buildInputs, ignoredPaths } from './containerfile.ts';
import { emulated, type Foreign } from './emulator.ts';
import { machineSettings } from './machine-settings.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { PSI_TREE as TREE } from './psi-tree.ts';
import type { Sandbox, Support } from './sandbox.ts';
import { sandboxSupport, startSandbox } from './sandbox.ts';

/** The name that the archive's image bears. */
export const PSI_IMAGE = 'localhost/psi:test';

/** In the place of a commit, of which there would be another image each time. */
export const REVISION = 'of-the-tests';

export interface ImageOptions {
  /** A stage of the Containerfile; default the last. */
  readonly target?: string;
}

export async function imageSupport(foreign?: Foreign): Promise<Support> {
  const sandbox = await sandboxSupport();
  return sandbox.ok ? baseRootSupport('node', { machine: foreign && emulated(foreign) }) : sandbox;
}

/** Path of a docker archive with the image PSI_IMAGE, for `podman load`. */
export async function imageArchive(options: ImageOptions = {}): Promise<string> {
  const containerfile = await readFile(join(TREE, 'Containerfile'), 'utf8');
  const inputs = buildInputs(containerfile, options.target);
  const root = await baseRoot('node');
  const hash = createHash('sha256').update([containerfile, options.target, root, REVISION].join('\0'));
  for (const source of inputs.sources) await addToHash(hash, join(TREE, source), await ignored());
  const stem = `image-${options.target ?? 'psi'}`;
  const archive = join(cacheDir(), `${stem}-${hash.digest('hex').slice(0, 16)}.tar`);
  if (!(await exists(archive))) {
    // One lock for all of them: their layers share a store.
    await oneAtATime(join(cacheDir(), 'image.lock'), () =>
      buildKept(archive, { inputs, root, target: options.target }),
    );
    await dropOlder(stem, archive);
  }
  return touch(archive);
}

/** The image PSI_IMAGE, here or for another architecture, in a sandbox where its containers run. Nothing but its layers is kept. */
export async function withImage<T>(foreign: Foreign | undefined, use: (sandbox: Sandbox) => Promise<T>): Promise<T> {
  const inputs = buildInputs(await readFile(join(TREE, 'Containerfile'), 'utf8'));
  const root = await baseRoot('node', { machine: foreign && emulated(foreign) });
  return oneAtATime(join(cacheDir(), `${ofStore('image', foreign)}.lock`), () =>
    withBuilt({ inputs, root, foreign }, use),
  );
}

const ofStore = (name: string, foreign: Foreign | undefined): string =>
  foreign === undefined ? name : `${name}-${foreign}`;

type Build = {
  readonly inputs: ReturnType<typeof buildInputs>;
  readonly root: string;
  readonly target?: string | undefined;
  readonly foreign?: Foreign | undefined;
};

async function buildKept(archive: string, build: Build): Promise<void> {
  if (await exists(archive)) return;
  await withBuilt(build, async (sandbox) => {
    const draft = `${archive}.${String(process.pid)}.tmp`;
    await podman(sandbox, ['save', '--quiet', '--format', 'docker-archive', '-o', draft, PSI_IMAGE]);
    await rename(draft, archive);
  });
}

async function withBuilt<T>(what: Build, use: (sandbox: Sandbox) => Promise<T>): Promise<T> {
  const { inputs, root, foreign } = what;
  // The store is kept: a change in src alone then costs no `npm ci`.
  const sandbox = await startSandbox({ graphRoot: join(cacheDir(), ofStore('storage', foreign)), foreign });
  try {
    for (const base of inputs.bases) await importBase(sandbox, root, base, foreign);
    await build(sandbox, what);
    const result = await use(sandbox);
    await podman(sandbox, ['image', 'prune', '--force', '--filter', 'until=24h']);
    return result;
  } finally {
    await sandbox.stop();
  }
}

/**
 * The same image, and busybox, as a folder that hosts mount read-only as an additional image store: a host then has
 * them at once, where loading the archive costs 3 s at its start and 3 s more of writing back at its end.
 */
export async function imageStore(options: ImageOptions = {}): Promise<string> {
  const archive = await imageArchive(options);
  const store = archive.replace(/image-(.*)\.tar$/, 'store-$1');
  if (!(await exists(store))) {
    await oneAtATime(`${store}.lock`, () => loadKept(archive, store));
    await dropOlder(`store-${options.target ?? 'psi'}`, store);
  }
  return touch(store);
}

async function loadKept(archive: string, store: string): Promise<void> {
  if (await exists(store)) return;
  const draft = `${store}.${String(process.pid)}.tmp`;
  const sandbox = await startSandbox({ graphRoot: draft });
  try {
    await podman(sandbox, ['load', '--quiet', '--input', archive]);
  } finally {
    await sandbox.stop();
  }
  await rename(draft, store);
}

async function podman(sandbox: Sandbox, args: readonly string[]): Promise<void> {
  const result = await sandbox.podman(args);
  if (result.code !== 0) throw new Error(`podman ${args.join(' ')}: ${(result.stdout + result.stderr).slice(-4000)}`);
}

async function importBase(sandbox: Sandbox, root: string, base: string, foreign: Foreign | undefined): Promise<void> {
  const mark = `localhost/psi-base:${createHash('sha256').update(root).digest('hex').slice(0, 12)}`;
  if ((await sandbox.podman(['image', 'exists', mark])).code !== 0) {
    const pipe =
      'root=$1 name=$2; shift 2; tar -C "$root" --numeric-owner -c . | podman import "$@" --change CMD=node - "$name"';
    const arch = foreign === undefined ? [] : ['--arch', foreign];
    const result = await sandbox.run(['sh', '-c', pipe, 'sh', root, mark, ...arch]);
    if (result.code !== 0) throw new Error(`podman import: ${result.stderr}`);
  }
  await podman(sandbox, ['tag', mark, base]);
}

async function build(sandbox: Sandbox, { target, foreign }: Build): Promise<void> {
  const mounts = await machineSettings(sandbox.dir);
  await podman(sandbox, [
    ...['build', '--isolation=chroot', '--network=host', '--pull=never', '--tag', PSI_IMAGE],
    ...['--build-arg', `PSI_REVISION=${REVISION}`],
    ...mounts.flatMap((mount) => ['-v', mount]),
    ...(target === undefined ? [] : ['--target', target]),
    ...(foreign === undefined ? [] : ['--platform', `linux/${foreign}`]),
    ...['-f', join(TREE, 'Containerfile'), TREE],
  ]);
}

async function ignored(): Promise<RegExp> {
  return ignoredPaths(await readFile(join(TREE, '.dockerignore'), 'utf8'));
}

async function addToHash(hash: ReturnType<typeof createHash>, path: string, skip: RegExp): Promise<void> {
  const name = relative(TREE, path);
  if (skip.test(name)) return;
  const info = await stat(path);
  if (info.isDirectory()) {
    for (const entry of (await readdir(path)).sort()) await addToHash(hash, join(path, entry), skip);
  } else {
    const content = await readFile(path);
    hash.update([name, info.mode, content.length].join('\0')).update(content);
  }
}

const IN_USE_MS = 30 * 60 * 1000;

async function touch(path: string): Promise<string> {
  const now = new Date();
  await utimes(path, now, now);
  return path;
}

// Each change of the sources makes half a gigabyte; what was used lately may still be in another run's hands. Of two test files that run at once
// the other one may have dropped it meanwhile.
async function dropOlder(stem: string, current: string): Promise<void> {
  for (const name of await readdir(cacheDir())) {
    const path = join(cacheDir(), name);
    if (!name.startsWith(`${stem}-`) || path === current) continue;
    const found = await stat(path).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > IN_USE_MS) await rm(path, { recursive: true, force: true });
  }
}
