// Which PSI a test from outside runs: this tree's source; with PSI_BUILD=1 what it was built into, as `npm test` does; or the source of the tree
// named in PSI_TREE. So one file of tests can be held against an older PSI, to see that it fails there.

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The tree of the PSI under test, with its packages installed in it. */
export const PSI_TREE = resolve(process.env['PSI_TREE'] ?? join(import.meta.dirname, '../..'));

/** Node's flags for the service, as the image has them. */
export const FLAGS = flagsOf(readFileSync(join(import.meta.dirname, '../../Containerfile'), 'utf8'));

function flagsOf(containerfile: string): readonly string[] {
  const entrypoint = /^ENTRYPOINT (.*)$/m.exec(containerfile)?.[1] ?? '[]';
  const words = JSON.parse(entrypoint) as readonly string[];
  return words.slice(words.indexOf('node') + 1, -1);
}

/** The command that runs the build of this tree. */
export const PSI_FROM_BUILD: readonly string[] = [
  process.execPath,
  ...FLAGS,
  join(import.meta.dirname, '../..', 'dist/main.cjs'),
];

const PSI_FROM_SOURCE: readonly string[] = [
  process.execPath,
  ...compiledOnce(process.env['NODE_COMPILE_CACHE']),
  join(PSI_TREE, 'src/main.ts'),
];

export const PSI_UNDER_TEST =
  process.env['PSI_BUILD'] === '1' && process.env['PSI_TREE'] === undefined ? PSI_FROM_BUILD : PSI_FROM_SOURCE;

/** Hundreds of processes load the same source. By an option, as most of them get an environment of their own. */
function compiledOnce(folder: string | undefined): readonly string[] {
  if (!folder) return [];
  const code = `import { enableCompileCache } from "node:module"; enableCompileCache(${JSON.stringify(folder)});`;
  // Nothing in it means anything to a shell, in quotes or without.
  const word = encodeURIComponent(code).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
  return ['--import', `data:text/javascript,${word}`];
}
