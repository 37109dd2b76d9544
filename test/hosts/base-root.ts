// Debian roots for test hosts and images, made by debootstrap once (a minute or two each) and kept in a cache folder.
// A kept root is never changed: hosts and images get it as the lower side of an overlay, or as a copy.
import { createHash } from 'node:crypto';
import { access, copyFile, mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aptMirror } from './apt-mirror.ts';
import { cleanly } from './at-end.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { foreignNode, foreignVersion, portableNode } from './portable-node.ts';
import { missingCommand, must, run } from './run.ts';
import type { Support } from './sandbox.ts';

/**
 * The suites that hosts are made of. `trixie` is Debian 13: systemd 257, Podman 5.4; images and virtual machines are of it too. `forky` has
 * the next ones, systemd 262 and Podman 5.8 when it was taken up: what changes for PSI between the two shows beside what does not.
 */
export const HOST_SUITES = ['trixie', 'forky'] as const;
export type HostSuite = (typeof HOST_SUITES)[number];

export const SUITE: HostSuite = 'trixie';
const NPM = 'npm@11';

const PACKAGES = {
  /** Boots under systemd-nspawn; runs quadlets, those of an ordinary user too. */
  host: (
    'systemd,systemd-sysv,dbus,podman,crun,netavark,aardvark-dns,passt,nftables,curl,ca-certificates,' +
    'iproute2,jq,procps,busybox-static,swtpm,swtpm-tools,tpm2-tools,libnss3,libfaketime,openssl,podman-compose,' +
    'uidmap,dbus-user-session,libpam-systemd'
  ).split(','),
  /** What the Containerfile's FROM names, as far as this project uses it. */
  node: ['ca-certificates'],
} as const;

/** With it a host boots as a virtual machine too. */
const KERNEL = process.arch === 'x64' ? ['linux-image-cloud-amd64'] : [];

const packagesOf = (kind: RootKind, suite: HostSuite): readonly string[] => [
  ...PACKAGES[kind],
  ...(kind === 'host' && suite === SUITE ? KERNEL : []),
];

export type RootKind = keyof typeof PACKAGES;

/** Another machine than this one, whose programs run here all the same. */
export interface OtherMachine {
  /** As Node names it, and for the one that there is (arm64) Debian too. */
  readonly arch: string;
  /** Whether they do. */
  support(): Promise<Support>;
  /** Runs a program to its end, with mounts that end with it; throws where it fails. */
  must(argv: readonly string[]): Promise<void>;
}

export interface RootOptions {
  readonly suite?: HostSuite | undefined;
  readonly machine?: OtherMachine | undefined;
}

/** `PSI_TEST_CACHE` moves the folder. */
export const cacheDir = (): string => process.env['PSI_TEST_CACHE'] ?? '/var/cache/psi-test';

/** Whether a root can be made, or is there already. */
export async function baseRootSupport(kind: RootKind, options: RootOptions = {}): Promise<Support> {
  if (process.getuid?.() !== 0) return { ok: false, reason: 'a Debian root needs root to be made' };
  const other = (await options.machine?.support()) ?? { ok: true };
  if (!other.ok || (await exists(await rootPath(kind, options)))) return other;
  const missing = await missingCommand([
    'unshare',
    'flock',
    'debootstrap',
    'curl',
    ...(kind === 'node' ? ['npm'] : []),
  ]);
  if (missing !== undefined) return { ok: false, reason: `a Debian root needs ${missing}` };
  const mirror = await aptMirror();
  if (mirror === undefined) {
    return { ok: false, reason: 'no Debian mirror in the apt sources; set PSI_TEST_MIRROR to the URL of one' };
  }
  const { suite = SUITE } = options;
  const asked = await run(['curl', '-sSfL', '--max-time', '20', '-o', '/dev/null', `${mirror}/dists/${suite}/Release`]);
  if (asked.code !== 0) return { ok: false, reason: `no Debian ${suite} at ${mirror}: ${asked.stderr.trim()}` };
  return { ok: true };
}

/** The path of a root of this kind, made now where the cache has none. Treat it as read-only. */
export async function baseRoot(kind: RootKind, options: RootOptions = {}): Promise<string> {
  const root = await rootPath(kind, options);
  if (!(await exists(root))) {
    await oneAtATime(`${root}.lock`, async () => {
      if (!(await exists(root))) await make(kind, options, root);
    });
  }
  const now = new Date();
  await utimes(root, now, now);
  await prune(kind, root);
  return root;
}

async function rootPath(kind: RootKind, { suite = SUITE, machine }: RootOptions): Promise<string> {
  const node = machine === undefined ? process.version : await foreignVersion(machine.arch);
  const recipe = [
    ...[suite, machine?.arch ?? process.arch, ...packagesOf(kind, suite)],
    ...(kind === 'node' ? [node, NPM] : []),
  ];
  const hash = createHash('sha256').update(recipe.join('\n')).digest('hex');
  return join(cacheDir(), `root-${kind}-${hash.slice(0, 12)}`);
}

async function make(kind: RootKind, options: RootOptions, root: string): Promise<void> {
  const { suite = SUITE, machine } = options;
  const draft = `${root}.${String(process.pid)}.tmp`;
  const what = `${suite} root${machine === undefined ? '' : ` for ${machine.arch}`}`;
  console.log(`making a Debian ${what} with debootstrap: ${root} (a minute or two, once)`);
  try {
    await debootstrap(kind, options, draft);
    await rename(draft, root);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

// Debootstrap has a script for each suite that it knows, all of them links to this one: an older debootstrap makes a newer suite with it.
const SCRIPT = '/usr/share/debootstrap/scripts/sid';

async function debootstrap(kind: RootKind, { suite = SUITE, machine }: RootOptions, draft: string): Promise<void> {
  const mirror = await aptMirror();
  if (mirror === undefined) throw new Error('no Debian mirror known: set PSI_TEST_MIRROR');
  const include = `--include=${packagesOf(kind, suite).join(',')}`;
  const rest = ['--variant=minbase', include, suite, draft, mirror, SCRIPT];
  // In namespaces of its own: a killed debootstrap leaves neither its /proc mount nor its children behind.
  const apart = ['unshare', '-m', '-p', '-f', '--kill-child', '--mount-proc'];
  if (machine === undefined) await must([...apart, 'debootstrap', ...rest]);
  // Debootstrap's word for a place where nobody makes device files: it then lends the root those of the machine.
  else await machine.must(['env', 'container=lxc', 'debootstrap', `--arch=${machine.arch}`, ...rest]);
  for (const folder of ['var/cache/apt/archives', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/man']) {
    await rm(join(draft, folder), { recursive: true, force: true });
  }
  // The machine's proxy or resolver is none of the host's business.
  await rm(join(draft, 'etc/resolv.conf'), { force: true });
  if (kind === 'node') await addNode(draft, machine?.arch);
}

async function addNode(root: string, foreign: string | undefined): Promise<void> {
  const prefix = join(root, 'usr/local');
  await cleanly(async (at) => {
    const dir = await mkdtemp(join(tmpdir(), 'psi-node-'));
    at.after(() => rm(dir, { recursive: true, force: true }));
    const node = foreign === undefined ? await portableNode() : await foreignNode(foreign, dir);
    await copyFile(node, join(prefix, 'bin/node'));
  });
  await must(['npm', 'install', '--global', '--prefix', prefix, NPM]);
}

const KEEP_MS = 14 * 24 * 3600 * 1000;

// Roots of older recipes; a recent one may be in use by another checkout.
async function prune(kind: RootKind, current: string): Promise<void> {
  for (const name of await readdir(cacheDir())) {
    const path = join(cacheDir(), name);
    if (path === current || !name.startsWith(`root-${kind}-`)) continue;
    // Another test file may have dropped it meanwhile.
    const found = await stat(path).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > KEEP_MS) await rm(path, { recursive: true, force: true });
  }
}

/** Whether this path is there. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
