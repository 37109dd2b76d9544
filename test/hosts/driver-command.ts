// The frozen driver commands, run as Podman runs them, on a PATH of the test's making.

import { spawn } from 'node:child_process';
import { link, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { shellQuoted } from '../../src/core/text/shell.ts';
import { run } from './run.ts';

export type Ran = { readonly code: number | null; readonly stdout: Buffer; readonly stderr: string };

/** Where no lookup helper is: the command asks by curl. */
export const NO_HELPER = '/nonexistent/psi-lookup';

export type CommandRun = {
  readonly id: string;
  readonly stdin?: string | Uint8Array;
  /** PATH; that of this process if not said. */
  readonly path?: string;
  /** What is `/bin/sh`, by its path; the one of this machine if not said. */
  readonly shell?: string;
  readonly cwd?: string;
  /** What happens once the first of the value has come, and before more is read. True: the rest is read, too. */
  readonly atFirstByte?: (shell: number) => Promise<boolean>;
};

export function runDriverCommand(
  command: string,
  { id, stdin = '', path, shell = '/bin/sh', cwd, atFirstByte }: CommandRun,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const env = { PATH: path ?? process.env['PATH'], SECRET_ID: id };
    const child = spawn(shell, ['-c', command], { env, argv0: 'sh', cwd });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    if (atFirstByte !== undefined) {
      child.stdout.once('data', () => {
        child.stdout.pause();
        atFirstByte(child.pid ?? 0).then((goesOn) => (goesOn ? child.stdout.resume() : child.stdout.destroy()), reject);
      });
    }
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() });
    });
    // A command that failed before it read its input has closed the pipe.
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
  });
}

/** Ends the lookup helper that a shell has started, and waits until it is gone. */
export async function endHelper(shell: number, signal: NodeJS.Signals): Promise<void> {
  const { stdout } = await run(['pgrep', '--parent', String(shell), '--exact', 'psi-lookup']);
  const pid = Number(stdout.trim());
  if (!(pid > 0)) throw new Error(`the shell runs no psi-lookup: ${stdout}`);
  process.kill(pid, signal);
  while (await isThere(pid)) await delay(5);
}

async function isThere(pid: number): Promise<boolean> {
  return readFile(`/proc/${String(pid)}/stat`).then(
    () => true,
    () => false,
  );
}

/** A PATH on which what is in the folder comes first. */
export function inFront(folder: string): string {
  return `${folder}:${process.env['PATH'] ?? ''}`;
}

export type HastyCurl = {
  readonly folder: string;
  /** What each call was to wait at most. */
  readonly waits: () => Promise<readonly string[]>;
};

/** The real curl, but that it waits half a second where it is told to wait for longer. */
export async function hastyCurl(dir: string): Promise<HastyCurl> {
  const log = join(dir, 'waits');
  const script = [
    '#!/bin/sh',
    'last=',
    'for word do',
    `  [ "$last" != --max-time ] || { echo "$word" >>${shellQuoted(log)}; word=0.5; }`,
    '  last=$word; shift; set -- "$@" "$word"',
    'done',
    `exec ${await where('curl')} "$@"`,
    '',
  ];
  const folder = join(dir, 'bin');
  await mkdir(folder);
  await writeFile(join(folder, 'curl'), script.join('\n'), { mode: 0o755 });
  return { folder, waits: async () => (await readFile(log, 'utf8')).trimEnd().split('\n') };
}

/** A socket file that a process left when it died. */
export async function socketOfNobody(path: string): Promise<void> {
  const server = createServer();
  const first = `${path}.first`;
  await new Promise<void>((resolve) => server.listen(first, resolve));
  await link(first, path);
  await new Promise((resolve) => server.close(resolve));
}

/** The path of a program; empty: there is none. */
export async function where(program: string): Promise<string> {
  const { stdout } = await run(['sh', '-c', `command -v ${program}`]);
  return stdout.trim();
}
