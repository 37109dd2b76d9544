// A Node binary that runs in any glibc root: for images and hosts, where this machine's libraries are not.
import { readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { must } from './run.ts';

// Node as its project builds it is one file of 100 MB and more. Distributions ship a stub beside a shared libnode.
const WHOLE_BYTES = 60_000_000;
const NODE24 = join(import.meta.dirname, '../../scripts/node24');

export async function portableNode(): Promise<string> {
  const own = await realpath(process.execPath);
  if (await isWhole(own)) return own;
  const packaged = join(NODE24, 'node_modules', `node-linux-${process.arch}`, 'bin/node');
  if (!(await isWhole(packaged))) {
    await must(['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: NODE24 });
  }
  return packaged;
}

/** Of which version the one for machines of another architecture is. */
export async function foreignVersion(arch: string): Promise<string> {
  return (await locked(arch)).version;
}

/** The one for machines of another architecture, put into this folder, which is empty. Its checksum is the lock file's. */
export async function foreignNode(arch: string, folder: string): Promise<string> {
  const { path, name, version, integrity } = await locked(arch);
  const root = { dependencies: { [name]: version } };
  const lock = { lockfileVersion: 3, packages: { '': root, [path]: { version, integrity } } };
  await writeFile(join(folder, 'package.json'), JSON.stringify(root));
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify(lock));
  // By force, as npm sees that it is not for this machine.
  await must(['npm', 'ci', '--force', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder });
  return join(folder, path, 'bin/node');
}

type Entry = { readonly version: string; readonly integrity?: string };

async function locked(arch: string): Promise<Entry & { readonly name: string; readonly path: string }> {
  const { packages } = JSON.parse(await readFile(join(NODE24, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, Entry>>;
  };
  const name = `node-linux-${arch}`;
  const path = `node_modules/${name}`;
  const entry = packages[path];
  if (entry === undefined) throw new Error(`scripts/node24 has no Node for ${arch}`);
  return { name, path, ...entry };
}

const isWhole = (path: string): Promise<boolean> =>
  stat(path).then(
    ({ size }) => size > WHOLE_BYTES,
    () => false,
  );
