// A software TPM for tests: its own state in a temporary folder, sockets in there, no ports. Without a resource manager, so that
// everything a call leaves behind in it shows.

import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export class SoftTpm {
  readonly folder: string;
  #process: ChildProcess | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async start(): Promise<SoftTpm> {
    const tpm = new SoftTpm(await mkdtemp(join(tmpdir(), 'swtpm-')));
    await tpm.powerOn();
    return tpm;
  }

  get socket(): string {
    return join(this.folder, 's');
  }

  get tcti(): string {
    return `swtpm:path=${this.socket}`;
  }

  /** Starts it on the state it has: PCRs begin at zero, keys stay. */
  async powerOn(): Promise<void> {
    const child = spawn(
      'swtpm',
      [
        'socket',
        '--tpm2',
        ...['--tpmstate', `dir=${this.folder}`],
        ...['--server', `type=unixio,path=${this.socket}`],
        ...['--ctrl', `type=unixio,path=${this.socket}.ctrl`],
        ...['--flags', 'not-need-init,startup-clear'],
      ],
      { stdio: 'ignore' },
    );
    await once(child, 'spawn');
    this.#process = child;
    while (!(await answers(`${this.socket}.ctrl`)) || !(await answers(this.socket))) {
      if (child.exitCode !== null) throw new Error(`swtpm ended with ${String(child.exitCode)}`);
      await pause(5);
    }
  }

  async powerOff(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    await Promise.all(['s', 's.ctrl'].map((name) => rm(join(this.folder, name), { force: true })));
  }

  /** A TPM that takes commands and answers none. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  async dispose(): Promise<void> {
    await this.powerOff();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Runs one of tpm2-tools on it, in its folder. */
  tool(name: string, ...args: readonly string[]): Promise<string> {
    return this.toolVia(this.tcti, name, ...args);
  }

  async toolVia(tcti: string, name: string, ...args: readonly string[]): Promise<string> {
    const env = { PATH: process.env['PATH'], TPM2TOOLS_TCTI: tcti, TSS2_LOG: 'all+none' };
    const { stdout } = await run(`tpm2_${name}`, args, { env, cwd: this.folder });
    return stdout;
  }

  /** A file for a tool to read. */
  write(name: string, bytes: Uint8Array): Promise<void> {
    return writeFile(join(this.folder, name), bytes);
  }

  extend(pcr: number): Promise<string> {
    return this.tool('pcrextend', `${String(pcr)}:sha1=${'1'.repeat(40)},sha256=${'1'.repeat(64)}`);
  }

  /** Puts a storage key at 0x81000001: by default an RSA key that is fit for use, other than the one of the ECC template. */
  async persistStorageKey(...settings: readonly string[]): Promise<void> {
    const attributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt';
    await this.tool('createprimary', '-C', 'o', '-c', 'srk.ctx', '-a', attributes, ...settings);
    await this.tool('evictcontrol', '-C', 'o', '-c', 'srk.ctx', '0x81000001');
    await this.tool('flushcontext', '-t');
  }

  /** Handles of everything that calls have left behind in it. */
  async leftovers(): Promise<string> {
    const kinds = ['handles-transient', 'handles-loaded-session', 'handles-saved-session'];
    const lists: string[] = [];
    for (const kind of kinds) lists.push(await this.tool('getcap', kind));
    return lists.join('').trim();
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
