// A booted host with PSI on it the way an operator gets it: the image from the Containerfile, installed by its own
// `install` and `systemd install`, beside an Infisical double that runs as a service of the same host.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from 'node:test';
import { stringify } from 'yaml';
import { HOST_SUITES, type HostSuite } from '../hosts/base-root.ts';
import { imageStore, imageSupport, PSI_IMAGE } from '../hosts/image.ts';
import type { HostCommands } from '../hosts/host-commands.ts';
import { hostSupport, startHost, type Host } from '../hosts/nspawn.ts';
import { PSI_TREE } from '../hosts/psi-tree.ts';
import type { RunResult } from '../hosts/run.ts';
import type { Support } from '../hosts/sandbox.ts';

export const PROJECT = 'host-project';
export const CREDENTIALS = { clientId: 'test-host', clientSecret: 'canary-client-secret-51c2' };
const PORT = 8099;
const CONTROL = 8098;

/** Folder → key → value, in environment `prod` of the one project. */
export type Folders = Readonly<Record<string, Readonly<Record<string, string>>>>;

export type PsiHostOptions = {
  /** Debian 13 where none is named. */
  readonly suite?: HostSuite;
  /** Further flags of `psi systemd install`. */
  readonly flags?: readonly string[];
  readonly folders: Folders;
  readonly workloads: Readonly<Record<string, unknown>>;
  /** Quadlets that are there at boot, by file name. */
  readonly quadlets?: Readonly<Record<string, string>>;
  /** Further top-level keys of the config. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Further providers. */
  readonly providers?: Readonly<Record<string, unknown>>;
  /** Further keys of the provider. */
  readonly provider?: Readonly<Record<string, unknown>>;
  readonly seed?: Readonly<Record<string, unknown>>;
  /** What the operator does before PSI is installed. */
  readonly prepare?: (host: Host) => Promise<unknown>;
  /** See HostOptions. */
  readonly measured?: boolean;
};

export type PsiHost = {
  readonly host: Host;
  /** `podman exec psi psi …` */
  readonly psi: (...args: readonly string[]) => Promise<RunResult>;
  /** The same, and it must succeed. */
  readonly setup: (...args: readonly string[]) => Promise<string>;
  /** `/__double/…`: the double's own control surface. */
  readonly double: (method: string, path: string, body?: unknown) => Promise<string>;
  readonly writeConfig: (options: PsiHostOptions) => Promise<void>;
  /** The workload's environment as its first process received it. */
  readonly environ: (container: string) => Promise<ReadonlyMap<string, string>>;
  readonly stop: () => Promise<void>;
};

export async function psiHostSupport(suite?: HostSuite): Promise<Support> {
  const host = await hostSupport(suite);
  return host.ok ? imageSupport() : host;
}

export type HostRoot = {
  readonly suite: HostSuite;
  readonly supported: boolean;
  /** Of each test: skipped, with the reason, where no such host can boot. */
  readonly options: { readonly skip: string | false };
};

/** Declares tests once for each root that hosts are made of, below its name. */
export async function onEachRoot(declare: (root: HostRoot) => void): Promise<void> {
  for (const suite of HOST_SUITES) {
    const support = await psiHostSupport(suite);
    const options = { skip: support.ok ? (false as const) : support.reason };
    describe(`on Debian ${suite}`, () => {
      declare({ suite, supported: support.ok, options });
    });
  }
}

export async function startPsiHost(options: PsiHostOptions): Promise<PsiHost> {
  const quadlets = Object.entries(options.quadlets ?? {}).map(
    ([name, text]) => [`/etc/containers/systemd/${name}`, text] as const,
  );
  const host = await startHost({
    ...(options.suite === undefined ? {} : { suite: options.suite }),
    measured: options.measured ?? false,
    imageStore: await imageStore(),
    files: {
      '/etc/psi/config.yaml': { content: configText(options), mode: 0o600 },
      // A file, because values may be larger than an environment.
      '/root/seed.json': { content: JSON.stringify(seedOf(options)), mode: 0o600 },
      ...Object.fromEntries(quadlets),
    },
  });
  try {
    await host.startNode({
      unit: 'infisical-double',
      script: 'test/doubles/infisical/main.ts',
      env: { HOST: '127.0.0.1', PORT: String(PORT), CONTROL_PORT: String(CONTROL), SEED: '/root/seed.json' },
    });
    const double: PsiHost['double'] = (method, path, body) =>
      host.ok(
        [
          'curl',
          '-sSf',
          '-X',
          method,
          '-H',
          'content-type: application/json',
          '--data-binary',
          '@-',
          `http://127.0.0.1:${String(CONTROL)}/__double${path}`,
        ],
        { input: body === undefined ? '' : JSON.stringify(body) },
      );
    await host.until(`curl -sf http://127.0.0.1:${String(CONTROL)}/__double/counts`);
    await options.prepare?.(host);
    await installPsi(host, options.flags);
    const psi: PsiHost['psi'] = (...args) => host.run(['podman', 'exec', 'psi', 'psi', ...args]);
    return {
      host,
      psi,
      setup: (...args) => host.ok(['podman', 'exec', 'psi', 'psi', 'setup', ...args]),
      double,
      writeConfig: (wanted) => host.write('/etc/psi/config.yaml', configText(wanted), 0o600),
      environ: async (container) => {
        const pid = (await host.ok(['podman', 'inspect', '--format', '{{.State.Pid}}', container])).trim();
        const { bytes } = await host.run(['cat', `/proc/${pid}/environ`]);
        return new Map(
          bytes
            .toString('utf8')
            .split('\0')
            .filter((line) => line.includes('='))
            .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
        );
      },
      stop: () => host.stop(),
    };
  } catch (error) {
    const journal = await host.journal().catch(() => '');
    await host.stop();
    throw new Error(`psi host: ${String(error)}\n${journal.slice(-4000)}`, { cause: error });
  }
}

/** The one `podman run` of the README and of the image's own label, then what `systemd install` says to run next. */
export async function installPsi(host: HostCommands, flags: readonly string[] = []): Promise<void> {
  const command = await installCommand();
  await host.ok(`${command} install`);
  await host.ok([`${command} systemd install --image ${PSI_IMAGE} --enable`, ...flags].join(' '));
  await host.ok('systemctl start podman.socket psi.socket psi.service');
}

/** The label `install` of the Containerfile, up to the command itself. */
export async function installCommand(): Promise<string> {
  const containerfile = await readFile(join(PSI_TREE, 'Containerfile'), 'utf8');
  const label = /\binstall="([^"]*) install"/.exec(containerfile)?.[1];
  if (label === undefined) throw new Error('the Containerfile has no label install');
  return label.replace(/\bIMAGE\b/, PSI_IMAGE);
}

/** What the double holds at first. */
export function seedOf(options: Pick<PsiHostOptions, 'folders' | 'seed'>): unknown {
  return {
    identities: [CREDENTIALS],
    projects: [{ id: PROJECT, slug: 'host', environments: ['prod'] }],
    values: { [PROJECT]: { prod: options.folders } },
    ...options.seed,
  };
}

export function configText(options: Omit<PsiHostOptions, 'folders'>): string {
  return stringify({
    ...options.config,
    providers: {
      infisical: {
        api_url: `http://127.0.0.1:${String(PORT)}`,
        auth: { method: 'universal-auth', client_id: CREDENTIALS.clientId, client_secret: CREDENTIALS.clientSecret },
        projects: { main: { id: PROJECT, environment: 'prod' } },
        ...options.provider,
      },
      ...options.providers,
    },
    workloads: options.workloads,
  });
}

/** A quadlet that runs busybox until it is stopped. */
export function sleeper(...lines: readonly string[]): string {
  return [
    // Tests start and stop it more often than systemd's own limit allows.
    '[Unit]',
    'StartLimitIntervalSec=0',
    '[Container]',
    'Image=localhost/psi-busybox:test',
    'Network=none',
    'Exec=sleep infinity',
    'StopTimeout=0',
    ...lines,
    '',
  ].join('\n');
}
