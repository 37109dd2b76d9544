// A real host in two seconds: systemd-nspawn boots a Debian root with systemd, D-Bus, podman and quadlet. It has its own
// network (loopback only), its own cgroups and a storage of its own, and it ends with this process.
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { baseRoot, baseRootSupport, cacheDir, SUITE, type HostSuite } from './base-root.ts';
import { BUSYBOX_IMAGE, busyboxArchive, findBusybox } from './busybox.ts';
import { hostCommands, type HostCommands } from './host-commands.ts';
import type { HostFiles } from './host-files.ts';
import { writeHostFiles } from './host-files.ts';
import type { Booted } from './nspawn-boot.ts';
import { bootHost } from './nspawn-boot.ts';
import { portableNode } from './portable-node.ts';
import { missingCommand, run } from './run.ts';
import type { Support } from './sandbox.ts';

export interface HostOptions {
  /** Debian 13 where none is named. */
  readonly suite?: HostSuite;
  /** Docker archives of the cache folder, loaded before the host is handed out. */
  readonly images?: readonly string[];
  /** A folder of images (see imageStore) that the host has without loading. */
  readonly imageStore?: string;
  /** Files that are there at boot, by absolute path. */
  readonly files?: HostFiles;
  /** Podman's own time is what is asked for: it runs as it does elsewhere. */
  readonly measured?: boolean;
}

export interface NodeUnit {
  readonly unit: string;
  /** Path of the script inside this checkout, such as `test/doubles/infisical/main.ts`. */
  readonly script: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Host extends HostCommands {
  /** Unique: the host's folder in the temporary folder and its cgroup bear it. */
  readonly name: string;
  /** Where this checkout is inside the host, read-only. */
  readonly tree: string;
  /** Where the cache folder with its archives of images is, read-only. */
  readonly cache: string;
  /** A Node 24, inside the host. */
  readonly node: string;
  /** A busybox image that is already loaded. */
  readonly image: string;
  /** The host's systemd, as this machine numbers it; another one after a reboot. */
  readonly leader: number;
  /** Down and up again. What ran as a transient unit is gone. Throws where a unit of the boot failed. */
  reboot(): Promise<void>;
  /** Starts a script of this checkout as a transient service of the host. */
  startNode(unit: NodeUnit): Promise<void>;
  loadImage(archive: string): Promise<void>;
  /** Powers the host off and waits until nothing of it is left. */
  stop(): Promise<void>;
}

const TREE = join(import.meta.dirname, '../..');
const INSIDE = { tree: '/mnt/psi', cache: '/mnt/psi-cache', store: '/mnt/psi-images', node: '/usr/local/bin/node' };

/** Whether a host can boot here; the reason is fit for naming a skipped test. */
export async function hostSupport(suite: HostSuite = SUITE): Promise<Support> {
  if (process.platform !== 'linux') return { ok: false, reason: 'a test host needs Linux' };
  if (process.getuid?.() !== 0) return { ok: false, reason: 'a test host needs root' };
  const missing = await missingCommand(['unshare', 'nsenter', 'systemd-nspawn']);
  if (missing !== undefined) return { ok: false, reason: `a test host needs ${missing}` };
  if ((await findBusybox()) === undefined) return { ok: false, reason: 'a test host needs a static busybox' };
  const tried = await run(['unshare', '-m', '-p', '-f', 'mount', '-t', 'tmpfs', 'none', '/dev/shm']);
  if (tried.code !== 0) return { ok: false, reason: 'no right to make namespaces and mounts here' };
  return baseRootSupport('host', { suite });
}

export async function startHost(options: HostOptions = {}): Promise<Host> {
  const base = await baseRoot('host', { suite: options.suite });
  const dir = await mkdtemp(join(tmpdir(), 'psi-host-'));
  let booted: Booted | undefined;
  const [env, goFiles] = options.measured ? [{}, {}] : [GO, GO_FILES];
  try {
    for (const name of ['upper', 'work', 'root', 'containers', 'run']) await mkdir(join(dir, name));
    await writeHostFiles(join(dir, 'upper'), { ...goFiles, ...storageConf(options), ...options.files });
    const node = await portableNode();
    const store = options.imageStore === undefined ? {} : { [options.imageStore]: INSIDE.store };
    booted = await bootHost({
      dir,
      base,
      binds: { [TREE]: INSIDE.tree, [cacheDir()]: INSIDE.cache, [node]: INSIDE.node, ...store },
      env,
    });
    const host = handOut(booted, basename(dir));
    if (options.imageStore === undefined) await importBusybox(host, dir);
    for (const archive of options.images ?? []) await host.loadImage(archive);
    return host;
  } catch (error) {
    const log = await readFile(join(dir, 'console.log'), 'utf8').catch(() => '');
    await booted?.stop();
    await rm(dir, { recursive: true, force: true });
    const words = error instanceof Error ? error.message : String(error);
    throw new Error(`test host: ${words}\n${log.slice(-CONSOLE_TAIL)}`, { cause: error });
  }
}

const CONSOLE_TAIL = 3000;

/**
 * A Podman command lives for a moment: to collect garbage meanwhile is a sixth of what it takes, or more. The service of its API, which stays,
 * collects when it has grown that large.
 */
const GO: Readonly<Record<string, string>> = { GOGC: 'off', GOMEMLIMIT: '256MiB' };
const GO_WORDS = Object.entries(GO)
  .map(([name, value]) => `${name}=${value}`)
  .join(' ');

/** For the Podman that units run, and for its generator. */
export const GO_FILES: HostFiles = {
  '/etc/systemd/system.conf.d/podman.conf': `[Manager]\nDefaultEnvironment=${GO_WORDS}\nManagerEnvironment=${GO_WORDS}\n`,
};

const storageConf = ({ imageStore }: HostOptions): HostFiles => {
  const more = imageStore === undefined ? '' : `[storage.options]\nadditionalimagestores = ["${INSIDE.store}"]\n`;
  const main = 'driver = "overlay"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n';
  return { '/etc/containers/storage.conf': `[storage]\n${main}${more}` };
};

async function importBusybox(host: Host, dir: string): Promise<void> {
  const input = await busyboxArchive(dir);
  await host.ok(['podman', 'import', '--quiet', '--change', 'CMD=["/bin/sh"]', '-', BUSYBOX_IMAGE], { input });
}

function handOut(booted: Booted, name: string): Host {
  const commands = hostCommands((argv, options) => booted.run(argv, options));
  const { ok } = commands;
  return {
    ...commands,
    name,
    tree: INSIDE.tree,
    cache: INSIDE.cache,
    node: INSIDE.node,
    image: BUSYBOX_IMAGE,
    get leader() {
      return booted.leader;
    },
    reboot: () => booted.reboot(),
    startNode: async ({ unit, script, args = [], env = {} }) => {
      const settings = Object.entries(env).map(([name, value]) => `--setenv=${name}=${value}`);
      const service = ['systemd-run', '--quiet', '--collect', '--service-type=exec', `--unit=${unit}`, ...settings];
      await ok([...service, INSIDE.node, join(INSIDE.tree, script), ...args]);
    },
    loadImage: async (archive) => {
      if (dirname(archive) !== cacheDir()) throw new Error(`the host sees archives in ${cacheDir()} only`);
      await ok(['podman', 'load', '--quiet', '--input', join(INSIDE.cache, basename(archive))]);
    },
    stop: () => booted.stop(),
  };
}
