// Debian 13 roots for test hosts and images, made by debootstrap once (about 70 s) and kept in a cache folder.
// A kept root is never changed: hosts and images get it as the lower side of an overlay, or as a copy.
import { createHash } from 'node:crypto';
import { access, copyFile, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { aptMirror } from './apt-mirror.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { portableNode } from './portable-node.ts';
import { missingCommand, must } from './run.ts';
import type { Support } from './sandbox.ts';

/** Of every root and image. */
export const SUITE = 'trixie';
const NPM = 'npm@11';

const PACKAGES = {
  /** Boots under systemd-nspawn and, with the kernel, as a virtual machine; runs quadlets. */
  host: (
    'systemd,systemd-sysv,dbus,podman,crun,netavark,aardvark-dns,passt,nftables,curl,ca-certificates,' +
    'iproute2,jq,procps,busybox-static,swtpm,swtpm-tools,tpm2-tools,libnss3,libfaketime,openssl,podman-compose' +
    (process.arch === 'x64' ? ',linux-image-cloud-amd64' : '')
  ).split(','),
  /** What the Containerfile's FROM names, as far as this project uses it. */
  node: ['ca-certificates'],
} as const;

export type RootKind = keyof typeof PACKAGES;

/** `PSI_TEST_CACHE` moves the folder. */
export const cacheDir = (): string => process.env['PSI_TEST_CACHE'] ?? '/var/cache/psi-test';

/** Whether a root can be made, or is there already. */
export async function baseRootSupport(kind: RootKind): Promise<Support> {
  if (process.getuid?.() !== 0) return { ok: false, reason: 'a Debian root needs root to be made' };
  if (await exists(join(cacheDir(), rootName(kind)))) return { ok: true };
  const missing = await missingCommand(['unshare', 'debootstrap', ...(kind === 'node' ? ['npm'] : [])]);
  if (missing !== undefined) return { ok: false, reason: `a Debian root needs ${missing}` };
  if ((await aptMirror()) === undefined) {
    return { ok: false, reason: 'no Debian mirror in the apt sources; set PSI_TEST_MIRROR to the URL of one' };
  }
  return { ok: true };
}

/** The path of a root of this kind, made now where the cache has none. Treat it as read-only. */
export async function baseRoot(kind: RootKind): Promise<string> {
  const root = join(cacheDir(), rootName(kind));
  if (!(await exists(root))) await oneAtATime(`${root}.lock`, () => makeKept(kind, root));
  const now = new Date();
  await utimes(root, now, now);
  await prune(kind, root);
  return root;
}

async function makeKept(kind: RootKind, root: string): Promise<void> {
  if (await exists(root)) return;
  const draft = `${root}.${String(process.pid)}.tmp`;
  try {
    await make(kind, draft);
    await rename(draft, root);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

function rootName(kind: RootKind): string {
  const recipe = [SUITE, process.arch, ...PACKAGES[kind], ...(kind === 'node' ? [process.version, NPM] : [])];
  return `root-${kind}-${createHash('sha256').update(recipe.join('\n')).digest('hex').slice(0, 12)}`;
}

async function make(kind: RootKind, draft: string): Promise<void> {
  const mirror = await aptMirror();
  if (mirror === undefined) throw new Error('no Debian mirror known: set PSI_TEST_MIRROR');
  // In namespaces of its own: a killed debootstrap leaves neither its /proc mount nor its children behind.
  const apart = ['unshare', '-m', '-p', '-f', '--kill-child', '--mount-proc'];
  const include = `--include=${PACKAGES[kind].join(',')}`;
  await must([...apart, 'debootstrap', '--variant=minbase', include, SUITE, draft, mirror]);
  for (const folder of ['var/cache/apt/archives', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/man']) {
    await rm(join(draft, folder), { recursive: true, force: true });
  }
  // The machine's proxy or resolver is none of the host's business.
  await rm(join(draft, 'etc/resolv.conf'), { force: true });
  if (kind === 'node') await addNode(draft);
}

async function addNode(root: string): Promise<void> {
  const prefix = join(root, 'usr/local');
  await copyFile(await portableNode(), join(prefix, 'bin/node'));
  await must(['npm', 'install', '--global', '--prefix', prefix, NPM]);
}

const KEEP_MS = 14 * 24 * 3600 * 1000;

// Roots of older recipes; a recent one may be in use by another checkout.
async function prune(kind: RootKind, current: string): Promise<void> {
  for (const name of await readdir(cacheDir())) {
    const path = join(cacheDir(), name);
    if (path === current || !name.startsWith(`root-${kind}-`)) continue;
    if (Date.now() - (await stat(path)).mtimeMs > KEEP_MS) await rm(path, { recursive: true, force: true });
  }
}

/** Whether this path is there. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
