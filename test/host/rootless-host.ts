// A booted host with a PSI of an ordinary user on it, made by the blocks of docs/rootless.md: his own Podman, systemd, quadlets and credentials.

import { basename, join } from 'node:path';
import type { HostSuite } from '../hosts/base-root.ts';
import { docText, shellBlocks, type DocBlock } from '../hosts/doc-blocks.ts';
import { hostCommands, type HostCommands } from '../hosts/host-commands.ts';
import { imageArchive, PSI_IMAGE } from '../hosts/image.ts';
import { startHost, type Host, type HostOptions } from '../hosts/nspawn.ts';
import type { RunOptions, RunResult } from '../hosts/run.ts';
import { configText, CREDENTIALS, seedOf, type PsiHostOptions } from './psi-host.ts';

const USER = 'app';
export const HOME = `/home/${USER}`;
const UID = '1000';
const PAGE = 'docs/rootless.md';

export type RootlessHost = {
  readonly host: Host;
  /** What the user does: in his home, as after a login. */
  readonly user: HostCommands;
  /** `podman exec psi psi …` */
  readonly psi: (...args: readonly string[]) => Promise<RunResult>;
  /** A block of the page, run by the user (or by root) as it stands there. It must succeed. */
  readonly follow: (name: string, options?: RunOptions & { readonly as?: 'root' }) => Promise<string>;
  /** What the double does from now on. */
  readonly provider: (outage: 'none' | 'refuse') => Promise<string>;
  readonly environ: (container: string) => Promise<ReadonlyMap<string, string>>;
};

/** Up to the config and the quadlets; the rest of the page is left to the tests. `ofRoot`: what the host has beside the user's. */
export async function startRootlessHost(
  suite: HostSuite,
  wanted: Pick<PsiHostOptions, 'folders' | 'workloads' | 'quadlets' | 'config' | 'provider' | 'seed'>,
  ofRoot: Pick<HostOptions, 'imageStore'> = {},
): Promise<RootlessHost> {
  const archive = await imageArchive();
  const page = shellBlocks(PAGE, await docText(PAGE));
  const host = await startHost({ ...ofRoot, suite, files: { '/root/seed.json': JSON.stringify(seedOf(wanted)) } });
  try {
    const user = hostCommands((argv, options) => host.run([...asUser, ...argv], options));
    const follow: RootlessHost['follow'] = (name, { as, ...options } = {}) => {
      const script = `set -e\n${name === INSTALL ? '' : variables(page)}${blockOf(page, name)}`;
      return (as === 'root' ? host : user).ok(['bash', '-c', script], options);
    };
    const control = 'http://127.0.0.1:8098/__double';
    await host.startNode({
      unit: 'infisical-double',
      script: 'test/doubles/infisical/main.ts',
      env: { HOST: '127.0.0.1', PORT: '8099', CONTROL_PORT: '8098', SEED: '/root/seed.json' },
    });
    await follow('rootless-root', { as: 'root' });
    await host.until(`test -S /run/user/${UID}/bus`);
    await storage(host, user);
    const images = `podman load --quiet --input ${join(host.cache, basename(archive))}`;
    await user.ok(`${images} && podman tag ${PSI_IMAGE} localhost/psi:latest`);
    await host.ok(`podman save ${host.image} | ${asUser.join(' ')} podman load --quiet`);
    await user.write(`${HOME}/.config/psi/config.yaml`, configText(wanted), 0o600);
    for (const [name, text] of Object.entries(wanted.quadlets ?? {}))
      await user.write(`${HOME}/.config/containers/systemd/${name}`, text);
    await host.until(`curl -sf ${control}/counts`);
    return {
      host,
      user,
      follow,
      psi: (...args) => user.run(['podman', 'exec', 'psi', 'psi', ...args]),
      provider: (outage) =>
        host.ok(
          `curl -sSf -X PATCH -H content-type:application/json -d '${JSON.stringify({ outage })}' ${control}/knobs`,
        ),
      environ: async (container) => {
        const pid = (await user.ok(['podman', 'inspect', '--format', '{{.State.Pid}}', container])).trim();
        const { bytes } = await host.run(['cat', `/proc/${pid}/environ`]);
        const lines = bytes
          .toString('utf8')
          .split('\0')
          .map((line) => /^([^=]+)=([^]*)$/.exec(line));
        return new Map(lines.flatMap((line) => (line === null ? [] : [[line[1] ?? '', line[2] ?? ''] as const])));
      },
    };
  } catch (error) {
    const journal = await host.journal().catch(() => '');
    await host.stop();
    throw new Error(`rootless host: ${String(error)}\n${journal.slice(-4000)}`, { cause: error });
  }
}

/** The client secret, for the block that reads it. */
export const CLIENT_SECRET = { input: CREDENTIALS.clientSecret };

const INSTALL = 'rootless-install';

// A login has this environment and no more. The way in is no login, so the session's cgroup is the host's.
const asUser: readonly string[] = [
  ...['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--init-groups', 'env', '-i', '-C', HOME],
  ...[`HOME=${HOME}`, `USER=${USER}`, `LOGNAME=${USER}`, 'SHELL=/bin/bash', 'LANG=C.UTF-8'],
  ...[`XDG_RUNTIME_DIR=/run/user/${UID}`, 'PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin'],
];

/** The host's root is an overlay, which cannot carry another: the user's storage is where the host's own is. */
async function storage(host: Host, user: HostCommands): Promise<void> {
  const graph = '/var/lib/containers/rootless';
  await host.ok(`install -d -o ${USER} -g ${USER} ${graph}`);
  const text = `[storage]\ndriver = "overlay"\nrunroot = "/run/user/${UID}/containers"\ngraphroot = "${graph}"\n`;
  await user.write(`${HOME}/.config/containers/storage.conf`, text);
}

function blockOf(blocks: readonly DocBlock[], name: string): string {
  const found = blocks.find(({ run }) => run === name);
  if (found === undefined) throw new Error(`${PAGE} has no block ${name}`);
  return found.text;
}

/** What later blocks take from that of the installation. */
const variables = (page: readonly DocBlock[]): string =>
  blockOf(page, INSTALL).replaceAll(/^(?!(?:image|run)=).*\n/gm, '');
