// The yardstick of the lookup helper: a static client and a server that do the least that a driver command and PSI have to do.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { must } from '../hosts/run.ts';
import type { Stage } from './measurement.ts';

const SOURCES = resolve(import.meta.dirname, 'trivial');

export type TrivialPair = {
  /** The driver command that calls the client; whatever is asked for, its value is the one of this pair. */
  readonly command: string;
  readonly value: string;
  /** That asks another server with the same client. */
  readonly commandAt: (socket: string) => string;
};

/** Their programs. Both are static with musl, as the lookup helper is, so that none pays for a loader that the other has not. */
export async function buildTrivialPair(dir: string): Promise<{ readonly client: string; readonly server: string }> {
  const [client, server] = [join(dir, 'client'), join(dir, 'server')];
  await compile('client.c', client);
  await compile('server.c', server);
  return { client, server };
}

export async function startTrivialPair(stage: Stage, dir: string, value: string): Promise<TrivialPair> {
  const { client, server } = await buildTrivialPair(dir);
  const socket = join(dir, 'trivial.sock');
  const child = spawn(server, [socket, value], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  stage.defer(async () => {
    child.kill('SIGTERM');
    await exited;
  });
  await Promise.race([
    once(child.stdout, 'data'),
    exited.then(([code]: unknown[]) => {
      throw new Error(`the trivial server ended with ${String(code)}`);
    }),
  ]);
  const commandAt = (path: string): string => `${client} ${path}`;
  return { command: commandAt(socket), value, commandAt };
}

async function compile(name: string, target: string): Promise<void> {
  const { include, lib } = musl();
  const gccs = async (what: string): Promise<string> => (await must(['gcc', what])).stdout.trim();
  await must([
    ...['gcc', '-std=gnu17', '-O2', '-Wall', '-Wextra', '-Werror', '-nostdinc', '-isystem', include, '-isystem'],
    ...[await gccs('-print-file-name=include'), '-nostdlib', '-static', '-s', '-o', target],
    ...[join(lib, 'crt1.o'), join(lib, 'crti.o'), join(SOURCES, name), `-L${lib}`, '-lc'],
    ...[await gccs('-print-libgcc-file-name'), join(lib, 'crtn.o')],
  ]);
}

/** As Debian and as Fedora have it. */
function musl(): { readonly include: string; readonly lib: string } {
  const name = `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-musl`;
  const places = [
    { include: `/usr/include/${name}`, lib: `/usr/lib/${name}` },
    { include: `/usr/${name}/include`, lib: `/usr/${name}/lib64` },
  ];
  const found = places.find(({ lib }) => existsSync(join(lib, 'crt1.o')));
  if (found === undefined) throw new Error('no static musl here: run npm run setup');
  return found;
}
