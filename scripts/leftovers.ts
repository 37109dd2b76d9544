// What tests and demo could leave on a machine: processes, mounts, cgroups, named network namespaces, files. Two snapshots
// and their difference. Looks only at what can be theirs: other programs go on living on the same machine.
import { randomBytes } from 'node:crypto';
import { readdir, readFile, statfs } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/** Each thing in words, such as `mount /tmp/x`. */
export type Snapshot = ReadonlySet<string>;

/** Set by the first snapshot and inherited by every process that is started after it: the mark to know them by. */
export const MARK = 'PSI_TEST_RUN';

/** Folders whose entries are all of interest: nobody else writes there while a test runs. */
const WATCHED = [
  '/run',
  '/run/netns',
  // Emulators of other machines that the kernel calls by itself.
  '/proc/sys/fs/binfmt_misc',
  '/run/containers',
  '/run/systemd/nspawn',
  '/var/lib/containers',
  '/var/lib/psi',
  '/etc/psi',
  '/etc/containers/systemd',
  '/etc/containers/containers.conf.d',
  '/etc/systemd/system',
  join(homedir(), '.config/containers'),
  join(homedir(), '.local/share/containers'),
];

/** Folders that many programs use: only names that come from PSI, podman and nspawn count. */
const SHARED = [...new Set([tmpdir(), '/tmp', '/var/tmp', '/dev/shm'])];
const OURS = /^\.?(psi|nspawn|podman|libpod|containers?|container_images|buildah|storage|crun|infisical)/;

const CGROUP2_MAGIC = 0x63677270;

export async function snapshot(): Promise<Snapshot> {
  const mark = (process.env[MARK] ??= randomBytes(6).toString('hex'));
  const found = await Promise.all([marked(mark), mounts(), cgroups(), files()]);
  return new Set(found.flat());
}

/** What is there after and was not before, sorted. */
export function changes(before: Snapshot, after: Snapshot): readonly string[] {
  return [...after].filter((thing) => !before.has(thing)).sort();
}

const list = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => []);
const text = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

async function marked(mark: string): Promise<readonly string[]> {
  const pids = (await list('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const lines = await Promise.all(
    pids.map(async (pid) => {
      const environment = (await text(join('/proc', pid, 'environ'))).split('\0');
      if (!environment.includes(`${MARK}=${mark}`)) return undefined;
      const args = (await text(join('/proc', pid, 'cmdline'))).replaceAll('\0', ' ').trim();
      return `process ${pid}: ${args}`;
    }),
  );
  return lines.filter((line) => line !== undefined);
}

async function mounts(): Promise<readonly string[]> {
  const lines = (await text('/proc/self/mountinfo')).split('\n').filter((line) => line !== '');
  return lines.map((line) => `mount ${line.split(' ')[4] ?? ''}`);
}

async function cgroups(): Promise<readonly string[]> {
  const roots = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'];
  const found: string[] = [];
  for (const root of roots) {
    if ((await statfs(root).catch(() => undefined))?.type !== CGROUP2_MAGIC) continue;
    const names = (await list(root)).filter((name) => OURS.test(name) || name === 'machine.slice');
    found.push(...names.map((name) => `cgroup ${join(root, name)}`));
  }
  return found;
}

async function files(): Promise<readonly string[]> {
  const watched = WATCHED.map(async (folder) => (await list(folder)).map((name) => join(folder, name)));
  const shared = SHARED.map(async (folder) =>
    (await list(folder)).filter((name) => OURS.test(name)).map((name) => join(folder, name)),
  );
  return (await Promise.all([...watched, ...shared])).flat().map((path) => `file ${path}`);
}
