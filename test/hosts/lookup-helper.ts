// The lookup helper as this tree builds it, for this machine and for another, and built to find its own faults; and what it is asked to talk to.

import { spawn } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { AtEnd } from './at-end.ts';
import type { Ran } from './driver-command.ts';
import { missingCommand, must, run } from './run.ts';
import type { Support } from './sandbox.ts';

const ROOT = join(import.meta.dirname, '../..');
export const HELPER_PACKAGE = join(ROOT, 'packages/psi-lookup');
const SOURCE = join(HELPER_PACKAGE, 'src/psi-lookup.c');

/** The program, or why it cannot be had here. */
export type Program =
  { readonly ok: true; readonly argv: readonly string[] } | { readonly ok: false; readonly reason: string };

/** What `npm run helper` makes. */
export async function builtHelper(arch?: 'arm64'): Promise<Program> {
  const foreign = arch !== undefined && process.arch !== arch;
  const args = foreign ? ['--arch', arch] : [];
  const built = await run([process.execPath, join(ROOT, 'scripts/build-helper.mjs'), ...args]);
  if (built.code === 69) return { ok: false, reason: /^error: (.*)$/m.exec(built.stderr)?.[1] ?? built.stderr };
  if (built.code !== 0) throw new Error(built.stderr);
  return { ok: true, argv: [join(ROOT, 'dist/helper', ...(foreign ? [arch] : []), 'psi-lookup')] };
}

/** By an emulator that is named, so that the kernel's own table of them (binfmt_misc) is not needed and stays as it is. */
export async function emulatedHelper(): Promise<Program> {
  const missing = process.arch === 'arm64' ? undefined : await missingCommand(['qemu-aarch64']);
  if (missing !== undefined) return { ok: false, reason: `no ${missing}` };
  const built = await builtHelper('arm64');
  return built.ok && process.arch !== 'arm64' ? { ok: true, argv: ['qemu-aarch64', ...built.argv] } : built;
}

/** With the address and the undefined-behaviour sanitizer: a fault ends it with a report and a status of its own. */
export async function sanitizedHelper(dir: string): Promise<Program> {
  return sanitized('-fsanitize=address,undefined', SOURCE, join(dir, 'psi-lookup-sanitized'));
}

const FUZZER = '-fsanitize=fuzzer,address,undefined';

export async function fuzzerSupport(): Promise<Support> {
  return sanitizers(FUZZER);
}

/** The fuzzer with the helper in it. */
export async function fuzzedHelper(dir: string): Promise<Program> {
  return sanitized(FUZZER, join(HELPER_PACKAGE, 'test/fuzz.c'), join(dir, 'psi-lookup-fuzz'));
}

const FLAGS = '-std=c17 -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all'.split(' ');

async function sanitized(kinds: string, source: string, path: string): Promise<Program> {
  const support = await sanitizers(kinds);
  if (!support.ok) return support;
  await must(['clang', ...FLAGS, kinds, source, '-o', path]);
  return { ok: true, argv: [path] };
}

/** Their libraries are a package of their own. The fuzzer's brings a `main`. */
const ANY = `int LLVMFuzzerTestOneInput(const char *bytes, long size) { return !bytes || !size; }
__attribute__((weak)) int main(void) { return 0; }`;

async function sanitizers(kinds: string): Promise<Support> {
  if ((await missingCommand(['clang'])) !== undefined) return { ok: false, reason: 'no clang' };
  const { code } = await run(['clang', kinds, '-x', 'c', '-', '-o', '/dev/null'], { input: ANY });
  return code === 0 ? { ok: true } : { ok: false, reason: `this clang has no ${kinds.replace('-f', '')}` };
}

export type HelperRun = {
  readonly id?: string;
  readonly stdin?: string | Uint8Array;
  /** Who takes it; `unread`: it stays in the pipe. */
  readonly stdout?: 'read' | 'unread' | 'closed';
};

/** As the driver's command runs it. */
export function runHelper(
  argv: readonly string[],
  { id = 'abc', stdin = '', stdout = 'read' }: HelperRun = {},
): Promise<Ran> {
  const [program = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    // The leak checker wants to trace the process, which does not let itself be traced; nothing is allocated anyway.
    const env = { PATH: process.env['PATH'], SECRET_ID: id, ASAN_OPTIONS: 'detect_leaks=0:exitcode=199' };
    const child = spawn(program, args, { env });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    if (stdout === 'read') child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    if (stdout === 'closed') child.stdout.destroy();
    // Else the end of the process would wait for it to be read.
    if (stdout === 'unread') child.on('exit', () => child.stdout.destroy());
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() });
    });
    // One that failed before it read its input has closed the pipe.
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
  });
}

/** What a server does with a call, once the request is there. */
export type Serve = (socket: Socket, request: string) => void;

/** A server that does as it is told, down to the byte. */
export async function serveRaw(end: AtEnd, path: string, serve: Serve): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    hear(socket, serve);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  end.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server;
}

function hear(socket: Socket, serve: Serve): void {
  let request = '';
  socket.on('data', (chunk: Buffer) => {
    const known = isWhole(request);
    request += chunk.toString('latin1');
    if (!known && isWhole(request)) serve(socket, request);
  });
}

function isWhole(request: string): boolean {
  const head = request.indexOf('\r\n\r\n');
  const length = Number(/^content-length: (\d+)\r$/im.exec(request.slice(0, head))?.[1] ?? 0);
  return head >= 0 && request.length >= head + 4 + length;
}
