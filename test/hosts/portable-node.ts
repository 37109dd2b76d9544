// A Node binary that runs in any glibc root: for images and hosts, where this machine's libraries are not.
import { realpath, stat } from 'node:fs/promises';
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

const isWhole = (path: string): Promise<boolean> =>
  stat(path).then(
    ({ size }) => size > WHOLE_BYTES,
    () => false,
  );
