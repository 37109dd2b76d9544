// Runs one program to its end for the test hosts: text in, exit code and output out.
// Never throws for a failing program; it throws only where the program could not be started.
import { spawn } from 'node:child_process';

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** After this the program and its children are killed: exit code 137. */
  readonly timeoutMs?: number;
}

export interface RunResult {
  /** The exit code; 128 + n after signal n, as a shell would say. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout byte for byte, for values that are no text. */
  readonly bytes: Buffer;
}

const SIGNAL_BASE = 128;
const SIGKILL = 9;

export function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  // Node hands a child sockets, not pipes, and `podman secret create NAME -` refuses to read from a socket.
  const [program, ...args] = options.input === undefined ? argv : ['sh', '-c', 'cat | "$@"', 'sh', ...argv];
  if (program === undefined) throw new TypeError('run needs a program');
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: options.env === undefined ? process.env : { ...options.env },
      cwd: options.cwd,
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own where there is a limit: at its end the program's children go too, else they would hold the
      // pipes open. Without a limit it stays in this group and ends with a Ctrl-C.
      detached: options.timeoutMs !== undefined,
    });
    const limit =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            killGroup(child.pid);
          }, options.timeoutMs);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    // A program that does not read its input closes the pipe early: no fault of the caller's.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.on('error', (error) => {
      clearTimeout(limit);
      reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(limit);
      const bytes = Buffer.concat(out);
      resolve({
        code: code ?? SIGNAL_BASE + SIGKILL,
        stdout: bytes.toString('utf8'),
        stderr: Buffer.concat(err).toString('utf8'),
        bytes,
      });
    });
  });
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}

/** The same, for steps that must succeed: the error carries the program's own words. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const result = await run(argv, options);
  if (result.code !== 0) {
    const said = (result.stderr.trim() || result.stdout.trim()).slice(-2000);
    throw new Error(`${argv.slice(0, 12).join(' ')}: exit ${String(result.code)}: ${said}`);
  }
  return result;
}

/** The first of these commands that the machine lacks, if any. */
export async function missingCommand(names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const found = await run(['sh', '-c', 'command -v "$1" >/dev/null', 'sh', name]);
    if (found.code !== 0) return name;
  }
  return undefined;
}
