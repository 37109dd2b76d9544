// A process tree in namespaces of its own whose end takes everything with it: processes (PID namespace), mounts
// (mount namespace) and, by the waiting outer shell, the folder. The inner shell lives while this process holds the
// pipe to its stdin: so a test run killed by any signal, SIGKILL included, leaves nothing behind.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { RunOptions, RunResult } from './run.ts';
import { run } from './run.ts';
import { userNamespace } from './user-namespace.ts';

export interface Keeper {
  /** The first process of the tree, as this machine numbers it: a target for nsenter. */
  readonly pid: number;
  /** Runs a program inside the namespaces. */
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Ends the tree and waits until the folder is gone. */
  stop(): Promise<void>;
}

interface KeeperOptions {
  readonly dir: string;
  /** POSIX sh, run as PID 1 of the tree with the folder as $1; its last output line must be `ready`. */
  readonly prepare: string;
  /** POSIX sh, run with `ready` said and stdin at its end: the orderly part of stopping. */
  readonly finish?: string;
  /** POSIX sh, run outside after the tree's end, before the folder is removed. */
  readonly after?: string;
  readonly flags: readonly string[];
  /** In a user namespace of its own too: whatever it does to mounts and kernel is done to none of the machine's. */
  readonly ownUsers?: boolean;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

// Util-linux kills the tree's PID 1 with --kill-child when `unshare` itself is killed. The folder goes with
// --one-file-system: should a mount ever have leaked into it, its content is not ours to delete.
const OUTER = 'dir=$1 after=$2; shift 2; "$@"; code=$?; eval "$after"; rm -rf --one-file-system -- "$dir"; exit $code';

// /proc still shows the machine's own numbers before it is mounted anew.
const INNER_HEAD = 'set -e; read -r pid rest </proc/self/stat; mount -t proc proc /proc; echo "pid $pid"\n';
const INNER_TAIL = '\necho ready\ncat >/dev/null\n';

const unref = (...things: readonly unknown[]): void => {
  for (const thing of things) if (hasRef(thing)) thing.unref();
};
const hasRef = (thing: unknown): thing is { unref(): void } =>
  typeof thing === 'object' && thing !== null && 'unref' in thing && typeof thing.unref === 'function';

export async function startKeeper(options: KeeperOptions): Promise<Keeper> {
  if (options.ownUsers !== true) return startIn([], options);
  const users = await userNamespace();
  try {
    return await startIn(['nsenter', `--user=${users.path}`], options);
  } finally {
    await users.close();
  }
}

async function startIn(users: readonly string[], options: KeeperOptions): Promise<Keeper> {
  const inner = INNER_HEAD + options.prepare + INNER_TAIL + (options.finish ?? '');
  const unshare = ['unshare', '-m', '-p', '-f', '--kill-child', ...options.flags, 'sh', '-c', inner, 'sh', options.dir];
  const child = spawn('sh', ['-c', OUTER, 'sh', options.dir, options.after ?? '', ...users, ...unshare], {
    // Its own session: a Ctrl-C on the terminal must not end the shell that cleans up.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: options.env === undefined ? process.env : { ...options.env },
  });
  child.stdin.on('error', () => undefined);
  const exited = once(child, 'exit');
  const pid = await untilReady(child.stdout, child.stderr, exited);
  // A test that forgets to stop its host must still be able to end, and by ending it stops the host.
  unref(child, child.stdin, child.stdout, child.stderr);
  const apart = ['-m', '-p', ...(options.flags.includes('-C') ? ['-C'] : []), ...(users.length > 0 ? ['-U'] : [])];
  const enter = ['nsenter', '-t', String(pid), ...apart];
  return {
    pid,
    run: (argv, runOptions) => run([...enter, ...argv], runOptions),
    stop: async () => {
      child.ref();
      child.stdin.end();
      if (child.exitCode === null && child.signalCode === null) await exited;
    },
  };
}

async function untilReady(stdout: Readable, stderr: Readable, exited: Promise<unknown>): Promise<number> {
  let said = '';
  let complaint = '';
  stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-4000)));
  const ready = new Promise<void>((resolve) => {
    stdout.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4000);
      if (/^ready$/m.test(said)) resolve();
    });
  });
  const outcome = await Promise.race([ready.then(() => 'ready' as const), exited.then(() => 'exited' as const)]);
  const pid = Number(/^pid (\d+)$/m.exec(said)?.[1]);
  if (outcome === 'exited' || Number.isNaN(pid)) throw new Error(`test host did not start: ${complaint.trim()}`);
  return pid;
}
