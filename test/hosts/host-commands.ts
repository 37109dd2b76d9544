// What a test does on a booted host, whatever the way in: run, expect, wait, read, write.
import { setTimeout as pause } from 'node:timers/promises';
import type { RunOptions, RunResult } from './run.ts';

export interface HostCommands {
  /** Runs a program, or a line of POSIX sh, as root on the host. */
  readonly run: (command: string | readonly string[], options?: RunOptions) => Promise<RunResult>;
  /** Runs it and throws, with its words, unless it exits 0. Answers its stdout. */
  readonly ok: (command: string | readonly string[], options?: RunOptions) => Promise<string>;
  /** Repeats a command until it exits 0: for what the host does by itself, such as writing a journal line. */
  readonly until: (command: string | readonly string[], timeoutMs?: number) => Promise<void>;
  readonly write: (path: string, content: string | Uint8Array, mode?: number) => Promise<void>;
  readonly read: (path: string) => Promise<string>;
  /** The messages of one unit since boot, one a line; without a unit, of all. */
  readonly journal: (unit?: string) => Promise<string>;
}

const WORDS = 3000;
const UNTIL_MS = 30_000;
const UNTIL_PAUSE_MS = 50;
/** What is waited for for long is looked at less often: each look takes a part of the processor away from it. */
const PAUSE_PART = 0.15;
const PAUSE_MAX_MS = 1000;

/** `pauseMs`: between the first tries of `until`; longer where the tries themselves would slow the host down. */
export function hostCommands(
  runArgv: (argv: readonly string[], options?: RunOptions) => Promise<RunResult>,
  pauseMs = UNTIL_PAUSE_MS,
): HostCommands {
  const argvOf = (command: string | readonly string[]): readonly string[] =>
    typeof command === 'string' ? ['sh', '-c', command] : command;
  const inside: HostCommands['run'] = (command, options) => runArgv(argvOf(command), options);
  const ok: HostCommands['ok'] = async (command, options) => {
    const result = await inside(command, options);
    if (result.code === 0) return result.stdout;
    const line = typeof command === 'string' ? command : command.join(' ');
    throw new Error(`${line}: exit ${String(result.code)}: ${result.stderr}${result.stdout}`.slice(0, WORDS));
  };
  return {
    run: inside,
    ok,
    until: async (command, timeoutMs = UNTIL_MS) => {
      const began = performance.now();
      for (;;) {
        const { code, stdout, stderr } = await inside(command);
        if (code === 0) return;
        const waited = performance.now() - began;
        if (waited > timeoutMs) {
          throw new Error(`never came true: ${argvOf(command).join(' ')}: ${stderr}${stdout}`);
        }
        await pause(Math.max(pauseMs, Math.min(waited * PAUSE_PART, PAUSE_MAX_MS)));
      }
    },
    write: async (path, content, mode = 0o644) => {
      const script = 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"';
      await ok(['sh', '-c', script, 'sh', path, mode.toString(8)], { input: content });
    },
    read: (path) => ok(['cat', '--', path]),
    journal: async (unit) => {
      await ok(['journalctl', '--sync']);
      return ok(['journalctl', '--boot', '--output=cat', ...(unit === undefined ? [] : ['--unit', unit])]);
    },
  };
}
