// Which PSI a test from outside runs: this tree's source; with PSI_BUILD=1 what it was built into, as `npm test` does; or the source of the tree
// named in PSI_TREE. So one file of tests can be held against an older PSI, to see that it fails there.

import { join, resolve } from 'node:path';

/** The tree of the PSI under test, with its packages installed in it. */
export const PSI_TREE = resolve(process.env['PSI_TREE'] ?? join(import.meta.dirname, '../..'));

/** The command that runs the build of this tree. */
export const PSI_FROM_BUILD: readonly string[] = [
  process.execPath,
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
