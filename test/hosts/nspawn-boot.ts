// Boots a root under systemd-nspawn and finds the way in. Knows namespaces and cgroups, nothing of podman or PSI.
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Keeper } from './keeper.ts';
import { startKeeper } from './keeper.ts';
import { run, type RunOptions, type RunResult } from './run.ts';

export interface BootOptions {
  /** A folder with `upper`, `work`, `root` and `containers` in it; removed when the host has stopped. */
  readonly dir: string;
  readonly base: string;
  /** Read-only binds: path outside → path inside. */
  readonly binds: Readonly<Record<string, string>>;
  /** Of each program that is run on the host, beside PATH, HOME and LANG. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Booted {
  /** Another one after each boot. */
  readonly leader: number;
  /** Runs a program as root on the host, in a cgroup of the host. */
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Down and up again, as `systemctl reboot` does it; its files stay. Throws where a unit of the boot failed. */
  reboot(): Promise<void>;
  stop(): Promise<void>;
}

// Each step has its reason:
// - /run is private: nspawn keeps locks in /run/systemd, which a machine may not even have;
// - a cgroup2 tree by itself, because crun and systemd 257 refuse hybrid ones, and two cgroups in it: with --keep-unit
//   nspawn makes its payload's cgroup below its own, which must hold nothing else. Each boot has a new one: what the boot before has
//   switched on in its own lets no process in any more. With --keep-unit nspawn also leaves it to others to boot again, by status 133;
// - podman's storage is a plain folder: an overlay cannot be the upper side of another.
const PREPARE = `
mkdir "$1/private"; mount -t tmpfs none "$1/private"; mkdir "$1/private/data" "$1/private/work"
mount -t overlay overlay -o "lowerdir=/run,upperdir=$1/private/data,workdir=$1/private/work" /run
mkdir -p /run/systemd/nspawn
umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
own=/sys/fs/cgroup/$PSI_CGROUP; mkdir "$own" "$own/keeper"; echo 0 >"$own/keeper/cgroup.procs"
for name in cpu memory pids; do { echo "+$name" >"$own/cgroup.subtree_control"; } 2>/dev/null || :; done
mount -t overlay overlay -o "lowerdir=$PSI_BASE,upperdir=$1/upper,workdir=$1/work" "$1/root"
boot() {
  mkdir "$2"; echo 0 >"$2/cgroup.procs"
  eval "exec systemd-nspawn --quiet --keep-unit --register=no --settings=no \\
  --directory=\\"\\$1/root\\" --machine=psi-host --boot --capability=all --private-network --console=pipe \\
  --system-call-filter='@keyring bpf' --link-journal=no --resolv-conf=off --timezone=off \\
  --bind=\\"\\$1/containers:/var/lib/containers\\" $PSI_BINDS"
}
{
  ending=; boots=0; code=133
  trap 'ending=1; kill -TERM "$machine"' TERM
  while [ "$code" = 133 ] && [ -z "$ending" ]; do
    boots=$((boots + 1))
    boot "$1" "$own/boot-$boots" & machine=$!
    code=0; wait "$machine" || code=$?
    while kill -0 "$machine" 2>/dev/null; do wait "$machine" || code=$?; done
  done
} >"$1/console.log" 2>&1 </dev/null &
host=$!
`;

// Asked to end, nspawn powers the host off; a host that hangs is ended with the tree.
const FINISH = `
kill -TERM "$host" 2>/dev/null || exit 0
(sleep 30; kill -KILL "$host") 2>/dev/null &
wait "$host" || :
`;

// Cgroups are not namespaced away: they go by hand, seen through a mount that goes with its namespace.
const AFTER = `
unshare -m sh -c 'mount -t cgroup2 none "$1/run" && find "$1/run/$2" -depth -type d -exec rmdir {} +' sh "$dir" "$PSI_CGROUP"
`;

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

export async function bootHost(options: BootOptions): Promise<Booted> {
  const cgroup = basename(options.dir);
  const binds = Object.entries(options.binds).map(([from, to]) => `--bind-ro=${quoted(`${from}:${to}`)}`);
  const keeper = await startKeeper({
    dir: options.dir,
    flags: [],
    prepare: PREPARE,
    finish: FINISH,
    after: AFTER,
    env: { ...process.env, PSI_CGROUP: cgroup, PSI_BASE: options.base, PSI_BINDS: binds.join(' ') },
  });
  try {
    let leader = await untilFound(keeper);
    let inside = await wayIn(keeper, leader, options.env);
    await untilRunning(inside);
    return {
      get leader() {
        return leader.outside;
      },
      run: (...given) => inside(...given),
      reboot: async () => {
        await inside(['systemctl', '--no-block', 'reboot']);
        leader = await untilFound(keeper, leader);
        inside = await wayIn(keeper, leader, options.env);
        await untilRunning(inside);
      },
      stop: () => keeper.stop(),
    };
  } catch (error) {
    await keeper.stop();
    throw error;
  }
}

interface Leader {
  readonly outside: number;
  /** The same process as numbered in the keeper's PID namespace. */
  readonly inKeeper: number;
}

const ATTEMPTS = 600;
const PAUSE_MS = 50;

/** `before`: of the boot that is to end. */
async function untilFound(keeper: Keeper, before?: Leader): Promise<Leader> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const leader = await findLeader(keeper.pid);
    if (leader !== undefined && leader.outside !== before?.outside) return leader;
    await pause(PAUSE_MS);
  }
  throw new Error('systemd-nspawn started no init');
}

interface ProcessStatus {
  readonly pid: number;
  readonly parent: number;
  /** The process's number in each PID namespace it is in, outermost first. */
  readonly numbers: readonly number[];
}

// The host's init is the one process that is 1 in a PID namespace directly below the keeper's.
async function findLeader(keeper: number): Promise<Leader | undefined> {
  const all = await processes();
  const below = (pid: number): boolean => {
    const parent = all.get(pid)?.parent ?? 0;
    return parent === keeper || (parent > 1 && below(parent));
  };
  const depth = (all.get(keeper)?.numbers.length ?? 0) + 1;
  for (const { pid, numbers } of all.values()) {
    if (numbers.length === depth && numbers.at(-1) === 1 && below(pid)) {
      return { outside: pid, inKeeper: numbers.at(-2) ?? 0 };
    }
  }
  return undefined;
}

async function processes(): Promise<ReadonlyMap<number, ProcessStatus>> {
  const found = new Map<number, ProcessStatus>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const status = await readFile(join('/proc', name, 'status'), 'utf8').catch(() => '');
    const numbers = (/^NSpid:\s+(.*)$/m.exec(status)?.[1] ?? '').split(/\s+/).map(Number);
    found.set(Number(name), { pid: Number(name), parent: Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1]), numbers });
  }
  return found;
}

const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
};

// The program joins a cgroup of the host before it joins the namespaces: podman and systemd ask for its cgroup, and a
// kernel with nsdelegate forbids the move from within. It is seen in the keeper's mount namespace, through its first process.
const JOIN = 'echo 0 >"$1" || exit 125; shift; exec nsenter "$@"';

// Early in its boot systemd is not in its init.scope yet: try later.
const MAKE_CGROUP = `
payload=$(sed -n 's,^0::\\(.*\\)/init.scope$,\\1,p' "/proc/$1/cgroup")
test -n "$payload" || exit 125
mkdir -p "/sys/fs/cgroup$payload/psi-test" && echo "$payload/psi-test"
`;

async function wayIn(keeper: Keeper, leader: Leader, env: BootOptions['env']): Promise<Booted['run']> {
  const cgroup = await untilMade(keeper, leader);
  const procs = `/proc/${String(keeper.pid)}/root/sys/fs/cgroup${cgroup}/cgroup.procs`;
  const join = ['sh', '-c', JOIN, 'sh', procs, '-t', String(leader.outside), '-m', '-u', '-i', '-n', '-p', '-C'];
  return (argv, options = {}) =>
    run([...join, ...argv], { ...options, env: { ...ENVIRONMENT, ...env, ...options.env } });
}

async function untilMade(keeper: Keeper, leader: Leader): Promise<string> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const made = await keeper.run(['sh', '-c', MAKE_CGROUP, 'sh', String(leader.inKeeper)]);
    if (made.code === 0) return made.stdout.trim();
    await pause(PAUSE_MS);
  }
  throw new Error('the host has no cgroup of its own');
}

async function untilRunning(inside: Booted['run']): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { stdout } = await inside(['systemctl', 'is-system-running', '--wait']);
    const state = stdout.trim();
    if (state === 'running') return;
    if (state === 'degraded') {
      const failed = await inside(['systemctl', '--failed', '--no-legend', '--plain']);
      throw new Error(`the host booted with failed units: ${failed.stdout}`);
    }
    await pause(PAUSE_MS);
  }
  throw new Error('the host did not finish booting');
}
