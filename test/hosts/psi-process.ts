// PSI as a process of its own on this machine, from the build or from source: for the demo, the sandbox tier and the bench.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { PSI_UNDER_TEST } from './psi-tree.ts';
import { run, type RunResult } from './run.ts';

export type PsiOptions = {
  /** A folder for config, state and sockets; the caller removes it. */
  readonly dir: string;
  readonly podmanSocket: string;
  readonly apiUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly projects: Readonly<Record<string, { readonly id: string; readonly environment: string }>>;
  readonly workloads: Readonly<Record<string, unknown>>;
  /** Beside Infisical. */
  readonly providers?: Readonly<Record<string, unknown>>;
  /** Further keys of the config file's top level. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly provider?: Readonly<Record<string, unknown>>;
  /** What stands in the config file whatever the rest says; null: there is no such file. */
  readonly file?: string | null;
  /** Beside the few variables that it always gets. */
  readonly env?: Readonly<Record<string, string>>;
};

export type PsiProcess = {
  readonly socket: string;
  readonly configFile: string;
  readonly stateDir: string;
  readonly systemdDir: string;
  readonly pid: number;
  /** Standard output and error so far: JSON lines. */
  readonly log: () => string;
  readonly cli: (...args: readonly string[]) => Promise<RunResult>;
  readonly writeConfig: (options: PsiOptions) => Promise<void>;
  /** SIGTERM, then wait. Resolves to the exit code. */
  readonly stop: () => Promise<number | null>;
  readonly kill: () => Promise<void>;
  /** Resolves when it has ended, whoever ended it: to the signal, if it was one. */
  readonly ended: Promise<NodeJS.Signals | null>;
};

/** Resolves once it serves. `onSpawn`: for whoever cannot count on that. */
export async function startPsi(
  options: PsiOptions,
  command: readonly string[] = PSI_UNDER_TEST,
  onSpawn: (child: ChildProcess) => void = () => undefined,
): Promise<PsiProcess> {
  const { dir } = options;
  const configFile = join(dir, 'config.yaml');
  const socket = join(dir, 'psi.sock');
  const systemdDir = join(dir, 'systemd');
  await mkdir(systemdDir, { recursive: true });
  const writeConfig = (wanted: PsiOptions): Promise<void> =>
    wanted.file === null
      ? rm(configFile, { force: true })
      : writeFile(configFile, wanted.file ?? configText(wanted), { mode: 0o600 });
  await writeConfig(options);
  const env = { PATH: process.env['PATH'], PSI_CONFIG: configFile, PSI_LOG_LEVEL: 'info', ...options.env };
  const [program = '', ...args] = command;
  const child = spawn(program, [...args, 'serve'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  onSpawn(child);
  const ended = new Promise<NodeJS.Signals | null>((done) => {
    child.on('exit', (_code, signal) => {
      done(signal);
    });
  });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  const log = (): string => Buffer.concat(output).toString('utf8');
  await untilServing(child, log);
  return {
    socket,
    configFile,
    systemdDir,
    stateDir: join(dir, 'state'),
    pid: child.pid ?? 0,
    log,
    writeConfig,
    cli: (...words) => run([program, ...args, ...words], { env }),
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
      return child.exitCode;
    },
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
    ended,
  };
}

/** PSI looks after the helper of its host: that of this machine is none of a test's. */
function withOwnHelper(dir: string, lookup: unknown): unknown {
  if (lookup !== undefined && (typeof lookup !== 'object' || lookup === null)) return lookup;
  return { helper_dir: join(dir, 'helper'), ...lookup };
}

export function configText(options: PsiOptions): string {
  const { dir } = options;
  return stringify({
    state_dir: join(dir, 'state'),
    systemd_dir: join(dir, 'systemd'),
    socket: join(dir, 'psi.sock'),
    control_socket: join(dir, 'control.sock'),
    podman_socket: options.podmanSocket,
    ...options.config,
    lookup: withOwnHelper(dir, options.config?.['lookup']),
    providers: {
      ...options.providers,
      infisical: {
        api_url: options.apiUrl,
        auth: { method: 'universal-auth', client_id: options.clientId, client_secret: options.clientSecret },
        projects: options.projects,
        ...options.provider,
      },
    },
    workloads: options.workloads,
  });
}

async function untilServing(child: ChildProcess, log: () => string): Promise<void> {
  const served = new Promise<void>((done) => {
    const look = (): void => {
      if (!log().includes('psi serves')) return;
      // All of the log at each further piece of it costs a bench more than what it measures.
      child.stdout?.off('data', look);
      done();
    };
    child.stdout?.on('data', look);
  });
  const died = once(child, 'exit').then(([code]: unknown[]) => {
    throw new Error(`psi serve ended with ${String(code)}:\n${log()}`);
  });
  await Promise.race([served, died]);
  died.catch(() => undefined);
}

export type Reply = {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
};

/** One request over a Unix socket on a connection of its own, as curl does it. */
export function ask(
  socketPath: string,
  method: string,
  path: string,
  body?: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Reply> {
  return new Promise((done, failed) => {
    const outgoing = request({ socketPath, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        done({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
      response.on('error', failed);
    });
    outgoing.on('error', failed);
    outgoing.end(body);
  });
}
