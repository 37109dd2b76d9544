// Builds PSI's native parts where they are not up to date: packages/node-tpm2-tss (the cache's key in a TPM) and pkcs11js (in an HSM).
// npm runs no install scripts here (.npmrc), so this is the one place that compiles. Nothing is downloaded: both take Node-API from
// the package node-api-headers, so one build serves every Node. Plain JavaScript: an old Node and the Containerfile run it.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TREE = dirname(dirname(fileURLToPath(import.meta.url)));
const GYP = 'packages/node-tpm2-tss/gyp';

const PARTS = [
  {
    name: 'node-tpm2-tss',
    folder: 'packages/node-tpm2-tss',
    sources: ['binding.gyp', 'gyp', 'src', 'package.json'],
    output: 'build/Release/tpm2_tss.node',
    npm: ['run', 'build', '--workspace', 'packages/node-tpm2-tss'],
  },
  {
    name: 'pkcs11js',
    folder: 'node_modules/pkcs11js',
    sources: ['binding.gyp', 'includes', 'src', 'package.json'],
    output: 'build/Release/pkcs11.node',
    npm: ['rebuild', 'pkcs11js', '--ignore-scripts=false'],
  },
];

function hashOf(path, hash = createHash('sha256')) {
  if (statSync(path).isDirectory()) {
    for (const name of readdirSync(path).sort()) hashOf(join(path, name), hash);
  } else {
    hash.update(`${path.slice(TREE.length)}\0`).update(readFileSync(path));
  }
  return hash;
}

function recipeOf(part) {
  const hash = createHash('sha256').update(`${process.arch}\0${readFileSync(fileURLToPath(import.meta.url), 'utf8')}`);
  for (const path of [...part.sources.map((name) => join(part.folder, name)), GYP]) hashOf(join(TREE, path), hash);
  return hash.digest('hex');
}

function build(part) {
  const stamp = join(TREE, part.folder, 'build/.sources');
  const recipe = recipeOf(part);
  const output = join(TREE, part.folder, part.output);
  if (existsSync(output) && existsSync(stamp) && readFileSync(stamp, 'utf8') === recipe) return;
  process.stdout.write(`setup: compiling ${part.name} (npm ${part.npm.join(' ')})\n`);
  const headers = join(TREE, 'node_modules/node-api-headers/include');
  const env = {
    ...process.env,
    PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`,
    npm_config_nodedir: join(TREE, GYP),
    CPLUS_INCLUDE_PATH: [headers, process.env.CPLUS_INCLUDE_PATH].filter(Boolean).join(delimiter),
  };
  // The npm that runs this script, if one does: a machine may have several.
  const own = process.env.npm_execpath;
  const npm = own?.endsWith('.js') === true ? [process.execPath, own] : ['npm'];
  const [command, ...args] = [...npm, ...part.npm];
  const result = spawnSync(command, args, { cwd: TREE, env, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.status !== 0 || !existsSync(output)) {
    process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}\n`);
    process.stderr.write(`error: ${part.name} does not compile\nhint: see the lines above, or npm run setup\n`);
    process.exit(1);
  }
  writeFileSync(stamp, recipe);
}

for (const part of PARTS) build(part);
