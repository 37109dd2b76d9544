// Podman on this machine, apart from the user's own: storage, sockets, locks and configuration live in one temporary
// folder and one namespace tree. Works where crun refuses the machine's hybrid cgroups. Gone without a trace on stop.
import { mkdir, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUSYBOX_IMAGE, busyboxArchive, findBusybox } from './busybox.ts';
import { MARK } from '../../scripts/leftovers.ts';
import { type Foreign, takeUp } from './emulator.ts';
import type { Keeper } from './keeper.ts';
import { startKeeper } from './keeper.ts';
import type { RunOptions, RunResult } from './run.ts';
import { missingCommand, run } from './run.ts';

export type Support = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export interface Sandbox {
  /** Podman's version, such as 4.3.1. */
  readonly version: string;
  /** A busybox image that is already there (`sh`, `env`, `cat`, ...; no network, no registry). */
  readonly image: string;
  /** Path of the REST API's socket, reachable from outside. */
  readonly socket: string;
  /** A folder seen under the same path inside and outside, removed on stop. */
  readonly dir: string;
  /** Podman's graph root: `secrets/secrets.json` and what containers leave on disk. */
  readonly graphRoot: string;
  /** The environment that makes any podman inside use this sandbox. */
  readonly env: Readonly<Record<string, string>>;
  /** The first process of the sandbox, as this machine numbers it. */
  readonly leader: number;
  podman(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Any program, in the namespaces that podman runs in. */
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  stop(): Promise<void>;
}

/** Whether a sandbox can run here; the reason is fit for naming a skipped test. */
export async function sandboxSupport(): Promise<Support> {
  if (process.platform !== 'linux') return { ok: false, reason: 'the sandbox needs Linux' };
  if (process.getuid?.() !== 0) return { ok: false, reason: 'the sandbox needs root' };
  const missing = await missingCommand(['unshare', 'nsenter', 'podman', 'crun', 'curl']);
  if (missing !== undefined) return { ok: false, reason: `the sandbox needs ${missing}` };
  if ((await findBusybox()) === undefined) return { ok: false, reason: 'the sandbox needs a static busybox' };
  const tried = await run(['unshare', '-m', '-p', '-C', '-f', 'mount', '-t', 'tmpfs', 'none', '/dev/shm']);
  return tried.code === 0 ? { ok: true } : { ok: false, reason: 'no right to make namespaces and mounts here' };
}

const CGROUP2_MAGIC = 0x63677270;
const OVERLAY_MAGIC = 0x794c7630;

// Podman writes to fixed places whatever its configuration says: crun's state in /run/crun, its lock table in /dev/shm,
// the blob cache in /var/lib/containers. Overlays whose upper side is memory keep all of it off the machine.
const PREPARE = `
mkdir "$1/upper"; mount -t tmpfs none "$1/upper"
for at in /run /var/lib; do
  up="$1/upper$at"; mkdir -p "$up/data" "$up/work"
  mount -t overlay overlay -o "lowerdir=$at,upperdir=$up/data,workdir=$up/work" "$at"
done
mount -t tmpfs none /dev/shm
mkdir -p /run/psi-sandbox
`;
// In a user namespace the machine's mounts cannot be taken away, only covered.
const UNIFIED_CGROUPS = `
umount -R /sys/fs/cgroup || true; mount -t cgroup2 none /sys/fs/cgroup
`;
const SERVICE = `
podman system service --time=0 "unix://$1/podman.sock" >"$1/service.log" 2>&1 &
`;

export interface SandboxOptions {
  /** A graph root that outlives the sandbox, for builds that want their layers back. */
  readonly graphRoot?: string;
  /** Programs of this architecture run in it too: in a user namespace of its own, which has an emulator. */
  readonly foreign?: Foreign | undefined;
}

export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-sandbox-'));
  const graphRoot = options.graphRoot ?? join(dir, 'graph');
  let keeper: Keeper | undefined;
  try {
    const env = await configure(dir, graphRoot, options.foreign !== undefined);
    const unified = (await statfs('/sys/fs/cgroup')).type === CGROUP2_MAGIC;
    const emulation = options.foreign === undefined ? '' : await takeUp(options.foreign);
    keeper = await startKeeper({
      dir,
      flags: ['-C'],
      ownUsers: options.foreign !== undefined,
      prepare: emulation + PREPARE + (unified ? '' : UNIFIED_CGROUPS) + SERVICE,
      env,
    });
    return await open(dir, graphRoot, keeper, env);
  } catch (error) {
    await keeper?.stop();
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

async function open(
  dir: string,
  graphRoot: string,
  keeper: Keeper,
  env: Readonly<Record<string, string>>,
): Promise<Sandbox> {
  const inside = (argv: readonly string[], options: RunOptions = {}): Promise<RunResult> =>
    keeper.run(argv, { ...options, env: { ...env, ...options.env } });
  const podman = (args: readonly string[], options?: RunOptions): Promise<RunResult> =>
    inside(['podman', ...args], options);
  const must = async (args: readonly string[], options?: RunOptions): Promise<string> => {
    const result = await podman(args, options);
    if (result.code !== 0) throw new Error(`podman ${args.join(' ')}: ${result.stderr}`);
    return result.stdout.trim();
  };
  const socket = join(dir, 'podman.sock');
  if ((await podman(['image', 'exists', BUSYBOX_IMAGE])).code !== 0) {
    const archive = await busyboxArchive(join(dir, 'tmp'));
    await must(['import', '--change', 'CMD=["/bin/sh"]', '-', BUSYBOX_IMAGE], { input: archive });
  }
  const version = await must(['version', '--format', '{{.Client.Version}}']);
  await untilAnswers(socket);
  return {
    version,
    image: BUSYBOX_IMAGE,
    socket,
    dir,
    graphRoot,
    env,
    leader: keeper.pid,
    podman,
    run: inside,
    stop: () => keeper.stop(),
  };
}

// Podman refuses a run root of more than 50 characters: it lives in the private /run, not below TMPDIR.
async function configure(dir: string, graphRoot: string, ownUsers: boolean): Promise<Record<string, string>> {
  for (const name of ['tmp', 'home', 'etc']) await mkdir(join(dir, name));
  await mkdir(graphRoot, { recursive: true });
  const driver = (await statfs(graphRoot)).type === OVERLAY_MAGIC ? 'vfs' : 'overlay';
  const etc = join(dir, 'etc');
  // Limits and cgroups: what a machine without CAP_SYS_RESOURCE and with hybrid cgroups can bear.
  const containers = [
    '[containers]',
    'default_ulimits = ["nofile=1024:2048", "nproc=1024:2048"]',
    'cgroups = "disabled"',
    'netns = "host"',
    'pids_limit = 0',
    'label = false',
    'apparmor_profile = "unconfined"',
    'log_driver = "k8s-file"',
    '[engine]',
    'runtime = "crun"',
    'cgroup_manager = "cgroupfs"',
    'events_logger = "file"',
    'tmp_dir = "/run/psi-sandbox/libpod"',
    `image_copy_tmp_dir = "${join(dir, 'tmp')}"`,
    '',
  ];
  const storage = [
    '[storage]',
    `driver = "${driver}"`,
    'runroot = "/run/psi-sandbox/containers"',
    `graphroot = "${graphRoot}"`,
    // Without it an overlay keeps its notes where only the machine's own root may write.
    ...(ownUsers ? ['[storage.options.overlay]', 'mountopt = "userxattr"'] : []),
    '',
  ];
  await writeFile(join(etc, 'containers.conf'), containers.join('\n'));
  await writeFile(join(etc, 'storage.conf'), storage.join('\n'));
  await writeFile(join(etc, 'registries.conf'), 'unqualified-search-registries = []\n');
  const mark = process.env[MARK];
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: join(dir, 'home'),
    TMPDIR: join(dir, 'tmp'),
    LANG: 'C.UTF-8',
    // The mark by which a process that outlives its test is recognised (scripts/leftovers.ts).
    ...(mark === undefined ? {} : { [MARK]: mark }),
    CONTAINERS_CONF: join(etc, 'containers.conf'),
    CONTAINERS_STORAGE_CONF: join(etc, 'storage.conf'),
    CONTAINERS_REGISTRIES_CONF: join(etc, 'registries.conf'),
  };
}

const PING_ATTEMPTS = 500;
const PING_PAUSE_MS = 20;

async function untilAnswers(socketPath: string): Promise<void> {
  for (let attempt = 0; attempt < PING_ATTEMPTS; attempt += 1) {
    const answered = await new Promise<boolean>((resolve) => {
      get({ socketPath, path: '/libpod/_ping' }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      }).on('error', () => {
        resolve(false);
      });
    });
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, PING_PAUSE_MS));
  }
  throw new Error('podman system service did not answer in the sandbox');
}
