// What a test host's root needs beyond Debian's packages before its first boot: written over the base, never into it.
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A file of a host: its text, or text and mode (default 0644). */
export type HostFile = string | { readonly content: string | Uint8Array; readonly mode?: number };
export type HostFiles = Readonly<Record<string, HostFile>>;

const DEFAULT_MODE = 0o644;

// A host without terminal, network, kernel of its own and tomorrow: each of these would fail, cost boot time or make noise.
const MASKED = [
  'console-getty.service',
  'getty.target',
  'systemd-networkd.service',
  'systemd-networkd.socket',
  'systemd-networkd-wait-online.service',
  'systemd-timesyncd.service',
  'systemd-modules-load.service',
  'systemd-sysctl.service',
  'systemd-firstboot.service',
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'fstrim.timer',
  'podman-auto-update.timer',
  'podman-restart.service',
];

export async function writeHostFiles(root: string, files: HostFiles): Promise<void> {
  const own: HostFiles = {
    // A known machine id: systemd takes an empty one for a first boot and applies every preset.
    '/etc/machine-id': `${randomBytes(16).toString('hex')}\n`,
    '/etc/hostname': 'psi-host\n',
    '/etc/hosts': '127.0.0.1 localhost psi-host\n::1 localhost\n',
    // Newer than /usr: no catalogue, linker cache and users to be made anew at boot.
    '/etc/.updated': '',
    '/var/.updated': '',
    // The pids controller is not in the bare cgroup2 hierarchy of a machine with hybrid cgroups.
    '/etc/containers/containers.conf.d/00-test-host.conf': '[containers]\npids_limit = 0\n',
    '/etc/containers/registries.conf.d/00-test-host.conf': 'unqualified-search-registries = []\n',
    // The whole journal of a test run, kept in memory, without rate limits: tests read it.
    '/etc/systemd/journald.conf.d/00-test-host.conf':
      '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\nRuntimeMaxUse=256M\nForwardToConsole=no\n',
  };
  for (const [path, file] of Object.entries({ ...own, ...files })) await writeHostFile(root, path, file);
  const units = join(root, 'etc/systemd/system');
  await mkdir(units, { recursive: true });
  for (const unit of MASKED) await symlink('/dev/null', join(units, unit));
}

async function writeHostFile(root: string, path: string, file: HostFile): Promise<void> {
  const target = join(root, path);
  const { content, mode = DEFAULT_MODE } =
    typeof file === 'string' || file instanceof Uint8Array ? { content: file } : file;
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, content);
  await chmod(target, mode);
}
