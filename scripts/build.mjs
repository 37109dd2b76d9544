// Builds dist/: what the image, `bin/psi` and the host run. `npm run build`; npm packages have to be installed. CommonJS, in one file for each
// part that is loaded by itself: an ES module's import of node:http runs all that it loads lazily (21 ms and 12 MB of a start), and each file of
// src/ and of the packages by itself costs a start 300 ms. esbuild splits ES modules alone, so they are split first and turned into CommonJS then.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import { compileParts } from './compile-parts.mjs';
import { withoutUnusedParts } from './unused-parts.mjs';

const TREE = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(TREE, 'dist');

/** Programs that are started by themselves. */
const ENTRIES = {
  main: 'src/main.ts',
  'hsm-helper': 'src/adapters/hsm/hsm-helper.ts',
  'age-worker': 'src/adapters/age/age-worker.ts',
};

/**
 * Packages that stay in node_modules: those with a native part, which has its place beside them, and the cloud vendors', which only a login
 * with their cloud loads.
 */
const IN_PACKAGES = ['pkcs11js', 'node-tpm2-tss', '@aws-sdk/*', '@smithy/*', '@azure/*', 'google-auth-library'];

/** What differs between the two kinds of module. */
const OF_COMMON_JS = { 'import.meta.dirname': '__dirname', 'import.meta.filename': '__filename' };

const COMMON = { platform: 'node', target: 'node24', sourcesContent: false, logLevel: 'warning' };

/** ES modules, and the map of each. */
async function splitModules() {
  const { outputFiles } = await build({
    ...COMMON,
    absWorkingDir: TREE,
    entryPoints: ENTRIES,
    inject: ['src/cli/built-stacks.ts'],
    bundle: true,
    splitting: true,
    format: 'esm',
    outdir: DIST,
    outExtension: { '.js': '.cjs' },
    chunkNames: '[name]-[hash]',
    external: IN_PACKAGES,
    plugins: [withoutUnusedParts],
    sourcemap: 'inline',
    write: false,
  });
  return outputFiles;
}

/** What import() gives of a package that is CommonJS itself: in Node its members by name too, in esbuild's parts the default alone. */
const OF_PACKAGE = /^export default require_\w+\(\);$/m;
const WITH_MEMBERS = `{
  const { default: all } = module.exports;
  module.exports = Object.defineProperty({ ...all, default: all }, '__esModule', { value: true });
}
`;

async function writeCommonJs({ path, text }) {
  const { code, map, warnings } = await transform(text, {
    ...COMMON,
    format: 'cjs',
    sourcefile: path,
    sourcemap: 'external',
    supported: { 'dynamic-import': false },
    minifyWhitespace: true,
    minifySyntax: true,
    define: OF_COMMON_JS,
  });
  if (warnings.length > 0) throw new Error(`${basename(path)} is not the same as CommonJS`);
  writeFileSync(path, OF_PACKAGE.test(text) ? code + WITH_MEMBERS : code);
  writeFileSync(`${path}.map`, map);
}

/** All but the lookup helper, which has a build of its own: the output of a source that is gone must not stay. */
function emptyDist() {
  mkdirSync(DIST, { recursive: true });
  for (const name of readdirSync(DIST)) if (name !== 'helper') rmSync(join(DIST, name), { recursive: true });
}

const modules = await splitModules();
emptyDist();
await Promise.all(modules.map(writeCommonJs));
await compileParts(
  DIST,
  Number(process.versions.node.split('.')[0]) < 24 ? ['sh', join(TREE, 'scripts/node')] : [process.execPath],
);
