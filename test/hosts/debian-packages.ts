// Packages of Debian that no test host has from the start, fetched by apt for the suite of the hosts and kept in the cache folder.

import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { aptMirror } from './apt-mirror.ts';
import { cacheDir, exists, SUITE } from './base-root.ts';
import { missingCommand, must } from './run.ts';
import type { Support } from './sandbox.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

export async function debianPackagesSupport(): Promise<Support> {
  const missing = await missingCommand(['apt-get', 'dpkg-deb']);
  if (missing !== undefined) return { ok: false, reason: `packages of Debian need ${missing}` };
  if (!(await exists(KEYRING))) return { ok: false, reason: `packages of Debian need ${KEYRING}` };
  if ((await aptMirror()) === undefined) return { ok: false, reason: 'no Debian mirror in the apt sources' };
  return { ok: true };
}

/** Paths of their archives, by name. */
export async function debianPackages<const Name extends string>(
  names: readonly Name[],
): Promise<Readonly<Record<Name, string>>> {
  const key = createHash('sha256')
    .update([SUITE, process.arch, ...names].join('\n'))
    .digest('hex')
    .slice(0, 12);
  const folder = join(cacheDir(), `packages-${key}`);
  if (!(await exists(folder))) await fetchInto(folder, names);
  const now = new Date();
  await utimes(folder, now, now);
  const files = await readdir(folder);
  const found = names.map(
    (name) => [name, join(folder, files.find((file) => file.startsWith(`${name}_`)) ?? name)] as const,
  );
  return Object.fromEntries(found) as Record<Name, string>;
}

async function fetchInto(folder: string, names: readonly string[]): Promise<void> {
  const draft = `${folder}.${String(process.pid)}.tmp`;
  const own = join(draft, 'apt');
  try {
    for (const name of ['lists/partial', 'cache/archives/partial']) await mkdir(join(own, name), { recursive: true });
    const source = `deb [signed-by=${KEYRING}] ${(await aptMirror()) ?? ''} ${SUITE} main\n`;
    await writeFile(join(own, 'sources.list'), source);
    // Beside the machine's own: nothing of it is read or changed.
    const settings = [
      ...[
        `Dir::Etc::SourceList=${own}/sources.list`,
        'Dir::Etc::SourceParts=/dev/null',
        `Dir::State::Lists=${own}/lists`,
      ],
      ...[`Dir::Cache=${own}/cache`, 'Acquire::Languages=none', 'APT::Sandbox::User=root'],
    ].flatMap((setting) => ['-o', setting]);
    await must(['apt-get', ...settings, '-qq', 'update']);
    await must(['apt-get', ...settings, '-qq', 'download', ...names], { cwd: draft });
    await rm(own, { recursive: true });
    // Another run may have been faster; what it has is as good.
    await rename(draft, folder).catch(async (error: unknown) => {
      if (!(await exists(folder))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
