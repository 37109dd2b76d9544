// The PSI under test as a process between doubles of everything that it talks to: Infisical, Podman with its driver commands, systemd.
// What these tests ask, a person could ask: commands with their output and exit status, lookups over the socket, the files it writes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { startInfisicalDouble, type InfisicalDouble } from '../../doubles/infisical/infisical-double.ts';
import type { Seed } from '../../doubles/infisical/codec.ts';
import type { Generation } from '../../doubles/infisical/model.ts';
import type { SecretInput } from '../../doubles/infisical/state.ts';
import { joinAsSystemd, startBus } from '../../doubles/systemd-bus.ts';
import { FakePodman, type DriverFace } from '../../fakes/podman.fake.ts';
import { servePodman } from '../../fakes/podman-api.fake.ts';
import { ask, startPsi, type PsiOptions, type PsiProcess } from '../../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../../hosts/psi-tree.ts';
import { Ends, type AtEnd } from '../../hosts/at-end.ts';
import type { RunResult } from '../../hosts/run.ts';
import { startFront, type Front } from './front.ts';

export const CLIENT = { clientId: 'observed-host', clientSecret: 'canary-client-secret-observed' };
/** Where the double keeps what these tests are about. In the config the project is called `main`. */
export const PLACE = { project: 'observed-project', environment: 'prod' } as const;

export type StageOptions = {
  readonly generation?: Generation;
  /** Path → key → value. */
  readonly folders?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Of the one workload, `app`. */
  readonly secrets?: readonly object[];
  readonly seed?: Partial<Seed>;
  /** False: the workload's quadlet, `app.container`, is not there. */
  readonly quadlet?: false;
  /** What happens to the double before PSI starts. */
  readonly prepare?: (infisical: InfisicalDouble) => void;
  /** Of the project, in the config. */
  readonly environment?: string;
  /** Values are kept through an outage. Other keys of `cache:`. */
  readonly cache?: Readonly<Record<string, unknown>>;
  /** `one by one`: each lookup asks for its secret alone, else the first lists the folder. */
  readonly lookups?: 'one by one' | 'by list';
  readonly podmanVersion?: string;
  /** What Podman runs for a store and a delete; otherwise each is a plain request. */
  readonly driver?: DriverFace;
  /** Units that systemd says are running, and how each ends. */
  readonly running?: Map<string, () => Promise<unknown>>;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly provider?: Readonly<Record<string, unknown>>;
  /** Of the PSI under test, beside what it always gets. */
  readonly env?: Readonly<Record<string, string>>;
};

/** What a lookup answered: where from and the value, or the code and the line that Podman's curl prints. */
export type Looked =
  | { readonly ok: true; readonly source: string; readonly value: string }
  | { readonly ok: false; readonly code: string; readonly hint: string };

export class Observed {
  readonly infisical: InfisicalDouble;
  /** Between PSI and the double. */
  readonly front: Front;
  readonly podman: FakePodman;
  readonly options: PsiOptions;
  /** Of the doubled systemd. */
  readonly reloads: { readonly count: number };
  readonly #t: AtEnd;
  readonly #at: { psi: PsiProcess };

  constructor(parts: {
    readonly t: AtEnd;
    readonly infisical: InfisicalDouble;
    readonly front: Front;
    readonly podman: FakePodman;
    readonly options: PsiOptions;
    readonly reloads: { readonly count: number };
    readonly at: { psi: PsiProcess };
  }) {
    this.infisical = parts.infisical;
    this.front = parts.front;
    this.podman = parts.podman;
    this.options = parts.options;
    this.reloads = parts.reloads;
    this.#t = parts.t;
    this.#at = parts.at;
  }

  get psi(): PsiProcess {
    return this.#at.psi;
  }

  setup(...flags: readonly string[]): Promise<RunResult> {
    return this.psi.cli('setup', ...flags);
  }

  /** The same up to where it waits for a server to come back, which takes minutes: what it has said until then. */
  async setupUntilItWaits(): Promise<string> {
    const [program = '', ...args] = PSI_UNDER_TEST;
    const env = { PATH: process.env['PATH'], PSI_CONFIG: this.psi.configFile };
    const child = spawn(program, [...args, 'setup'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = once(child, 'close');
    let text = '';
    const heard = (chunk: Buffer): void => {
      text += chunk.toString('utf8');
      if (text.includes('trying again in')) child.kill('SIGKILL');
    };
    child.stdout.on('data', heard);
    child.stderr.on('data', heard);
    await ended;
    return text;
  }

  /** A setup that has to go well before anything else makes sense. */
  async registered(): Promise<readonly string[]> {
    const { code, stdout, stderr } = await this.setup();
    assert.equal(code, 0, stdout + stderr);
    return this.targets();
  }

  /** The variables and files that the workload's drop-in names, in its order. */
  async targets(): Promise<readonly string[]> {
    const text = await readFile(join(this.psi.systemdDir, 'app.container.d', '50-secrets.conf'), 'utf8').catch(
      () => '',
    );
    return [...text.matchAll(/^Secret=.*\btarget=([^,\n]+)/gm)].map(([, target = '']) => target);
  }

  /** The log is written some milliseconds after the answer, and some of it a second after the start. */
  async hasLogged(words: RegExp | string): Promise<void> {
    const said = (): boolean =>
      typeof words === 'string' ? this.psi.log().includes(words) : words.test(this.psi.log());
    for (let look = 0; look < 1_000 && !said(); look += 1) await pause(10);
    assert.ok(said(), `the log has no ${String(words)}:\n${this.psi.log()}`);
  }

  /** As Podman's lookup command at the start of the container. */
  async lookup(key: string): Promise<Looked> {
    const name = `app--${key}`;
    const known = (await this.podman.list()).find((secret) => secret.name === name);
    assert.ok(known, `podman has no secret ${name}`);
    const { status, headers, body } = await ask(this.psi.socket, 'GET', `/lookup/${known.id}`);
    if (status === 200) return { ok: true, source: String(headers['psi-source']), value: body.toString('utf8') };
    return { ok: false, code: String(headers['psi-code']), hint: String(headers['psi-hint']) };
  }

  env(path: string, ...flags: readonly string[]): Promise<RunResult> {
    return this.psi.cli('infisical', 'env', '--project', 'main', '--path', path, ...flags);
  }

  /** The same folder as programs read it; what is printed on stderr and the status stay as they are. */
  async envValues(path: string): Promise<RunResult & { readonly values: Readonly<Record<string, string>> }> {
    const result = await this.env(path, '--format', 'json');
    const values = result.stdout.trim() === '' ? {} : (JSON.parse(result.stdout) as Record<string, string>);
    return { ...result, values };
  }

  /** Another process on the same files, with its cache read. */
  async restart(command: readonly string[] = PSI_UNDER_TEST, options = this.options): Promise<void> {
    await this.psi.stop();
    this.#at.psi = await startPsi(options, command);
    const { psi } = this.#at;
    this.#t.after(() => psi.kill());
    while (/^cache: opening /m.test((await psi.cli('cache', 'status')).stdout));
  }

  /** Nobody answers any more, and PSI starts anew: what it knows now is in its files. */
  async outage(): Promise<void> {
    await this.infisical.refuseConnections();
    this.front.answer = () => ({ status: 503, body: 'Service Unavailable' });
    await this.restart();
  }

  set(path: string, key: string, value: string, more: Partial<SecretInput> = {}): void {
    this.infisical.state.setSecret({ ...PLACE, path, key, value, ...more });
  }

  remove(path: string, key: string): void {
    assert.ok(this.infisical.state.deleteSecret({ ...PLACE, path, key }), `the double has no ${key} in ${path}`);
  }

  /** The right to read values of what is at `path`, or of one key there, is taken away. */
  hide(path: string, key?: string): void {
    this.infisical.state.deny(CLIENT.clientId, { path, key, actions: ['readValue'] });
  }
}

export async function stage(end: AtEnd, options: StageOptions = {}): Promise<Observed> {
  const t = new Ends();
  end.after(() => t.run());
  const dir = await mkdtemp(join(tmpdir(), 'psi-observed-'));
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 10 }));
  const infisical = await startInfisicalDouble({
    generation: options.generation,
    seed: {
      identities: [CLIENT],
      projects: [{ id: PLACE.project, environments: ['prod', 'staging'] }],
      values: { [PLACE.project]: { [PLACE.environment]: options.folders ?? {} } },
      ...options.seed,
    },
  });
  t.after(() => infisical.close());
  options.prepare?.(infisical);
  const bus = await startBus(dir, 'bus');
  t.after(() => bus.stop());
  const front = await startFront(t, infisical.url);
  const credentials = join(dir, 'credentials');
  await mkdir(credentials);
  await writeFile(join(credentials, 'psi-cache-key'), Buffer.alloc(32, 7));
  const reloads = { count: 0 };
  const reloaded = (): void => {
    reloads.count += 1;
  };
  const systemd = await joinAsSystemd(bus.socket, reloaded, undefined, options.running);
  t.after(() => systemd.leave());
  const at: { psi?: PsiProcess } = {};
  const podman = podmanThatAsks(options, () => at.psi);
  const podmanSocket = join(dir, 'podman.sock');
  const served = await servePodman(podman, podmanSocket);
  t.after(() => served.close());
  const psiOptions: PsiOptions = {
    dir,
    podmanSocket,
    apiUrl: front.url,
    ...CLIENT,
    projects: { main: { id: PLACE.project, environment: options.environment ?? PLACE.environment } },
    workloads: { app: { secrets: options.secrets ?? [{ project: 'main', path: '/app' }] } },
    config: {
      dbus_socket: bus.socket,
      lookup: { batch_window: options.lookups === 'by list' ? '1m' : 0 },
      cache: { enabled: options.cache !== undefined, backend: 'credential', ...options.cache },
      ...options.config,
    },
    provider: options.provider ?? {},
    env: {
      CREDENTIALS_DIRECTORY: credentials,
      // As the unit names them.
      PSI_STATE_DIR: join(dir, 'state'),
      PSI_SOCKET: join(dir, 'psi.sock'),
      PSI_CONTROL_SOCKET: join(dir, 'control.sock'),
      PSI_SYSTEMD_DIR: join(dir, 'systemd'),
      PSI_PODMAN_SOCKET: podmanSocket,
      PSI_DBUS_SOCKET: bus.socket,
      ...options.env,
    },
  };
  await mkdir(join(dir, 'systemd'));
  if (options.quadlet !== false) {
    await writeFile(join(dir, 'systemd', 'app.container'), '[Container]\nImage=app\n');
  }
  const psi = await startPsi(psiOptions, PSI_UNDER_TEST);
  t.after(() => psi.kill());
  return new Observed({ t, infisical, front, podman, options: psiOptions, reloads, at: Object.assign(at, { psi }) });
}

/** Its driver commands ask the PSI under test, as the real ones do with curl. */
function podmanThatAsks(
  { podmanVersion: version, driver }: StageOptions,
  psi: () => PsiProcess | undefined,
): FakePodman {
  const call = async (method: string, path: string, body?: Uint8Array): Promise<void> => {
    const { status } = await ask(psi()?.socket ?? '', method, path, body);
    if (status !== 200) throw new Error(`${method} ${path}: ${String(status)}`);
  };
  return new FakePodman({
    ...(version !== undefined && { version }),
    driver: driver ?? {
      store: (id, body) => call('POST', `/store/${id}`, body),
      delete: (id) => call('DELETE', `/delete/${id}`),
    },
  });
}

/** All that a person sees of a command. */
export const said = ({ stdout, stderr }: RunResult): string => `${stdout}${stderr}`;
