// What npm and apt on this machine are told (registry, mirror, proxy, certificates), for the build of an image: by mounts, so
// that none of it stays in the image or stands in this project.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { aptMirror } from './apt-mirror.ts';
import { exists, SUITE } from './base-root.ts';
import { run } from './run.ts';

const CERTIFICATES = '/etc/ssl/certs';
const BUNDLES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'];

/** Volumes for `podman build`; their files are written into `dir`. */
export async function machineSettings(dir: string): Promise<readonly string[]> {
  const mounts: string[] = [];
  const give = async (name: string, target: string, text: string): Promise<void> => {
    await writeFile(join(dir, name), text, { mode: 0o644 });
    mounts.push(`${join(dir, name)}:${target}:ro`);
  };
  await give('npmrc', '/root/.npmrc', await npmSettings());
  const settings = await aptSettings();
  if (settings !== '') await give('apt.conf', '/etc/apt/apt.conf.d/99machine', settings);
  // The base root has the mirror of the day it was made.
  const mirror = await aptMirror();
  if (mirror !== undefined) await give('sources.list', '/etc/apt/sources.list', `deb ${mirror} ${SUITE} main\n`);
  if (await exists(CERTIFICATES)) mounts.push(`${CERTIFICATES}:${CERTIFICATES}:ro`);
  return mounts;
}

async function npmSettings(): Promise<string> {
  const lines = ['update-notifier=false'];
  for (const key of ['registry', 'proxy', 'https-proxy', 'noproxy', 'strict-ssl']) {
    const { code, stdout } = await run(['npm', 'config', 'get', key]);
    const value = stdout.trim();
    if (code === 0 && !['', 'null', 'undefined'].includes(value)) lines.push(`${key}=${value}`);
  }
  for (const bundle of BUNDLES) {
    if (bundle.startsWith(CERTIFICATES) && (await exists(bundle))) lines.push(`cafile=${bundle}`);
  }
  return `${lines.join('\n')}\n`;
}

async function aptSettings(): Promise<string> {
  // Fedora has no apt.
  const { code, stdout } = await run(['apt-config', 'dump', '--no-empty']).catch(() => ({ code: 1, stdout: '' }));
  return code === 0 ? stdout.replace(/^(?!Acquire::(?:https?::Proxy|Check-|Retries)).*\n/gm, '') : '';
}
