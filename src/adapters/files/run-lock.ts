// One run at a time, by a lock of the kernel: it ends with its holder, in whatever container that lives, where a file with a process id
// would stay behind. Node has no flock, so the lock is held by flock(1), which ends when this process does.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

import { PsiError } from '../../core/error.ts';
import type { RunLock } from '../../certificates/run-lock.ts';
import { fileError } from './host-error.ts';

const BUSY = 75;

export class FlockFile implements RunLock {
  readonly #path: string;
  readonly #what: string;
  readonly #look: string;

  /** `what`: who else holds it, such as "psi GROUP tls"; `look`: the command that shows it. */
  constructor(options: { readonly path: string; readonly what: string; readonly look: string }) {
    this.#path = options.path;
    this.#what = options.what;
    this.#look = options.look;
  }

  async hold<T>(work: () => Promise<T>): Promise<T> {
    const release = await this.#take();
    try {
      return await work();
    } finally {
      await release();
    }
  }

  async #take(): Promise<() => Promise<void>> {
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
      // Made here: flock would leave its mode to the umask.
      await (await open(this.#path, 'a', 0o600)).close();
    } catch (error) {
      throw fileError('make the lock', this.#path, error);
    }
    // `cat` ends at the end of its input: when it is closed here, or by the kernel when this process is killed.
    const held = ['sh', '-c', 'echo; exec cat'];
    const child = spawn('flock', ['--nonblock', '--conflict-exit-code', String(BUSY), this.#path, ...held], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    });
    child.stdin.on('error', () => undefined);
    const ended = new Promise<number | null | Error>((resolve) => {
      child.once('error', resolve);
      child.once('close', resolve);
    });
    const outcome = await Promise.race([once(child.stdout, 'data').then(() => 'held' as const), ended]);
    if (outcome !== 'held') throw this.#refusal(outcome);
    return async () => {
      child.stdin.end();
      await ended;
    };
  }

  #refusal(outcome: number | null | Error): PsiError {
    if (outcome === BUSY) {
      return new PsiError('CONFLICT', `another ${this.#what} is at work`, {
        hint: `wait until it has ended: \`${this.#look}\``,
        retry: 'later',
      });
    }
    return new PsiError('HOST', `cannot lock ${this.#path}`, {
      hint: 'flock (util-linux) has to be installed, and the folder has to be writable',
    });
  }
}
