// The smallest container that can show what it was given: a root with a static busybox and its links.
import { chmod, copyFile, mkdir, open, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { must } from './run.ts';

/** Name of the image in every test host. */
export const BUSYBOX_IMAGE = 'localhost/psi-busybox:test';

const PLACES = ['/bin/busybox', '/usr/bin/busybox', '/usr/sbin/busybox', '/sbin/busybox'];

/** The machine's busybox, if it has one that runs without shared libraries. */
export async function findBusybox(): Promise<string | undefined> {
  for (const place of PLACES) if (await isStatic(place)) return place;
  return undefined;
}

// A dynamic executable names its loader near its start (Debian's plain `busybox` package is one).
async function isStatic(path: string): Promise<boolean> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
      return !/ld-(linux|musl)/.test(buffer.toString('latin1', 0, bytesRead));
    } finally {
      await file.close();
    }
  } catch {
    return false;
  }
}

/** Makes the root under `dir` (which must be new). */
export async function makeBusyboxRoot(dir: string): Promise<void> {
  const busybox = await findBusybox();
  if (busybox === undefined) throw new Error('no static busybox on this machine');
  for (const name of ['bin', 'etc', 'tmp', 'root', 'proc', 'sys', 'dev', 'run']) {
    await mkdir(join(dir, name), { recursive: true });
  }
  await chmod(join(dir, 'tmp'), 0o1777);
  await copyFile(busybox, join(dir, 'bin/busybox'));
  await chmod(join(dir, 'bin/busybox'), 0o755);
  await writeFile(join(dir, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  await writeFile(join(dir, 'etc/group'), 'root:x:0:\n');
  const { stdout } = await must([busybox, '--list']);
  for (const applet of stdout.split('\n')) {
    if (applet !== '' && applet !== 'busybox') await symlink('busybox', join(dir, 'bin', applet));
  }
}

/** The same root as a tar archive, ready for `podman import`. */
export async function busyboxArchive(dir: string): Promise<Buffer> {
  const root = join(dir, 'busybox-root');
  const archive = join(dir, 'busybox.tar');
  await makeBusyboxRoot(root);
  await must(['tar', '--numeric-owner', '--owner=0', '--group=0', '-C', root, '-cf', archive, '.']);
  return readFile(archive);
}
