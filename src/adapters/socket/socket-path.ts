// The driver's socket looked at through its path, as curl comes to it: by its folder, its file, and a question to whoever listens there.

import { chmod, lstat } from 'node:fs/promises';
import { request } from 'node:http';
import { dirname } from 'node:path';
import { fileCalls, readBounded } from '../files/file-calls.ts';
import type { SocketFinding, SocketPath } from '../../host/socket-path.ts';

export type SocketPathOptions = {
  readonly path: string;
  /** What this process, and no other, answers at /healthz. */
  readonly instance: string;
};

/** Owner reads and writes: what curl needs, and what a socket is given back that came without. */
const OWNER = 0o600;
const ASK_MS = 2_000;
const LONGEST_ANSWER = 64 * 1024;

type Seen = { readonly mode: number; readonly root: string | undefined; readonly inode: number };

export class DriverSocketPath implements SocketPath {
  readonly #options: SocketPathOptions;
  /** As it was when it was first fine: somebody may have given it another mode on purpose, in psi.socket. */
  #first: Seen | undefined;

  constructor(options: SocketPathOptions) {
    this.#options = options;
  }

  async look(): Promise<SocketFinding> {
    const { path, instance } = this.#options;
    const file = await fileCalls.run(path, () => lstat(path)).catch((error: unknown) => error);
    if (file instanceof Error) return { kind: 'code' in file && file.code === 'ENOENT' ? 'removed' : 'unknown' };
    const info = file as Awaited<ReturnType<typeof lstat>>;
    if (!info.isSocket()) return { kind: 'foreign' };
    const mode = Number(info.mode) & 0o777;
    const root = await mountedRoot(dirname(path));
    const wanted = this.#first?.mode ?? mode | OWNER;
    if (this.#first && this.#first.root !== root) return { kind: 'covered' };
    if (mode !== wanted) return { kind: 'mode', mode, wanted };
    const kind = await whoAnswers(path, instance);
    const inode = Number(info.ino);
    if (kind === 'fine') this.#first ??= { mode, root, inode };
    // Whoever put another socket there need not answer at all.
    return { kind: kind === 'unknown' && this.#first && this.#first.inode !== inode ? 'foreign' : kind };
  }

  async restoreMode(mode: number): Promise<boolean> {
    const { path } = this.#options;
    try {
      // In a folder that others can change, the path may be a link by the time that it is followed.
      return await fileCalls.run(path, async (late) => {
        const folder = await lstat(dirname(path));
        const ours = folder.isDirectory() && [0, process.geteuid?.()].includes(folder.uid);
        if (!ours || (folder.mode & 0o022) !== 0) return false;
        late.throwIfAborted();
        await chmod(path, mode);
        return true;
      });
    } catch {
      return false;
    }
  }
}

/**
 * What of its file system is mounted at a folder, as the kernel names it now: it follows a folder that is renamed, marks one that was
 * removed, and the last line is what covers the others. Undefined: the folder is no mount of its own, so that its path leads where it led.
 */
async function mountedRoot(folder: string): Promise<string | undefined> {
  const text = await readBounded('/proc/self/mountinfo').catch(() => undefined);
  const mounts = (text?.toString('utf8') ?? '').split('\n').map((line) => line.split(' '));
  const last = mounts.findLast(([, , , , point]) => point === folder);
  return last === undefined ? undefined : `${last[2] ?? ''} ${last[3] ?? ''}`;
}

function whoAnswers(path: string, instance: string): Promise<'fine' | 'foreign' | 'unknown'> {
  return new Promise((resolve) => {
    const options = { socketPath: path, path: '/healthz', agent: false, timeout: ASK_MS };
    const asked = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text = `${text}${part}`.slice(0, LONGEST_ANSWER);
      });
      response.on('end', () => {
        resolve(instanceIn(text) === instance ? 'fine' : 'foreign');
      });
      response.on('error', () => {
        resolve('unknown');
      });
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', (error: NodeJS.ErrnoException) => {
      // Nobody, or nobody who speaks HTTP.
      resolve(/^(?:ECONNREFUSED|HPE_.*)$/.test(error.code ?? '') ? 'foreign' : 'unknown');
    });
    asked.end();
  });
}

function instanceIn(text: string): unknown {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === 'object' && answer !== null && 'instance' in answer ? answer.instance : undefined;
  } catch {
    return undefined;
  }
}
