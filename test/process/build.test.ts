// What the build alone has: its files are others than the sources, and each is loaded when something asks for what is in it.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { unwrapWithIdentities } from '../../src/adapters/age/age.ts';
import type { SealingAnswer } from '../../src/adapters/age/age-worker.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import { ask, startPsi } from '../hosts/psi-process.ts';
import { FLAGS, PSI_FROM_BUILD } from '../hosts/psi-tree.ts';
import { run } from '../hosts/run.ts';
import { stage } from './observed/stage.ts';

const ROOT = join(import.meta.dirname, '../..');
const DIST = join(ROOT, 'dist');
const [NODE = '', ...PROGRAM] = PSI_FROM_BUILD;

test('the stack of an error names the lines of the sources', async () => {
  const broken = 'data:text/javascript,process.getuid = () => { throw new Error("nobody knows") }';
  const { code, stderr } = await run([NODE, '--import', broken, ...PROGRAM, 'status']);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /^Error: nobody knows$/m);
  const [, line = ''] =
    /^ +at .*composeCommandLine \(.*\/src\/wiring\/command-line\.ts:(\d+):\d+\)$/m.exec(stderr) ?? [];
  const source = await readFile(join(ROOT, 'src/wiring/command-line.ts'), 'utf8');
  assert.match(source.split('\n')[Number(line) - 1] ?? stderr, /getuid/);
});

test('a checkout runs it under the flags of the image', async () => {
  assert.ok(FLAGS.length > 0);
  const script = await readFile(join(ROOT, 'bin/psi'), 'utf8');
  assert.ok(script.includes(` ${FLAGS.join(' ')} "$here/dist/main.cjs"`), script);
});

test('a start takes what V8 compiled of its parts from beside them', async () => {
  const env = { ...process.env, NODE_COMPILE_CACHE: undefined, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' };
  const { stderr } = await run([NODE, ...PROGRAM, '--version'], { env });
  const taken = [...stderr.matchAll(/cache for .*\/dist\/([a-z-]+)-[A-Z0-9]+\.cjs was accepted/g)].map(
    ([, part]) => part,
  );
  for (const part of ['run', 'command-line', 'leave']) assert.ok(taken.includes(part), stderr);
  assert.doesNotMatch(stderr, /rejected/);
});

test('a start loads what its first answer needs and nothing more', async (t) => {
  const it = await stage(t, { folders: { '/app': { KEY: 'value' } } });
  await it.registered();
  const dir = await mkdtemp(join(tmpdir(), 'psi-loaded-'));
  t.after(() => rm(dir, { recursive: true }));
  const list = join(dir, 'loaded.json');
  await it.psi.stop();
  const psi = await startPsi(it.options, [NODE, '--import', toldBeforeAnswers(list), ...PROGRAM]);
  t.after(() => psi.kill());

  await ask(psi.socket, 'GET', '/healthz');
  const started = await dependencies(list);
  assert.deepEqual(started.used, ['commander', 'fp-ts', 'io-ts', 'picomatch', 'pino', 'yaml']);
  assert.ok(started.sources.some((source) => source.endsWith('/src/lookup/lookup.ts')));
  // By what Node loads itself: an ES module's import of node:http would bring the whole of fetch.
  assert.ok(started.builtin.includes('NativeModule http'));
  assert.deepEqual(
    started.builtin.filter((name) => name.includes('undici')),
    [],
  );

  assert.deepEqual(await it.lookup('KEY'), { ok: true, source: 'live', value: 'value' });
  const asked = await dependencies(list);
  assert.deepEqual(asked.used, [...started.used, 'got'].sort());
  assert.ok(asked.builtin.includes('NativeModule https'));
  assert.deepEqual(
    asked.builtin.filter((name) => name.includes('http2')),
    [],
  );

  // One more line in the drop-in: systemd is told.
  it.set('/app', 'MORE', 'of it');
  await it.registered();
  assert.match(
    (await ask(join(it.options.dir, 'control.sock'), 'GET', '/metrics')).body.toString(),
    /^psi_mappings 2$/m,
  );
  assert.deepEqual(await it.lookup('KEY'), { ok: true, source: 'live', value: 'value' });
  const later = await dependencies(list);
  assert.deepEqual(
    later.used,
    [...started.used, 'dbus-native', 'docker-modem', 'express', 'got', 'prom-client'].sort(),
  );
  assert.deepEqual(
    later.sources.filter((source) => /\/(ssh2|cpu-features|@aws-sdk|@azure|google-auth-library)\//.test(source)),
    [],
  );
});

test('it asks Node and itself, and no package but those that stay in node_modules', async () => {
  const files = (await readdir(DIST)).filter((name) => name.endsWith('.cjs'));
  const texts = await Promise.all(files.map((name) => readFile(join(DIST, name), 'utf8')));
  const asked = new Set(
    texts.flatMap((text) => [...text.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name]) => name ?? '')),
  );
  const others = [...asked].filter((name) => !isBuiltin(name) && !name.startsWith('./')).sort();
  assert.deepEqual(
    others.filter(
      (name) => !/^(?:pkcs11js|node-tpm2-tss|@aws-sdk\/.+|@smithy\/.+|@azure\/.+|google-auth-library)$/.test(name),
    ),
    [],
  );
  assert.ok(others.includes('node-tpm2-tss'));
});

test('a key is sealed for a recovery key by the build alone: no package is there', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'psi-alone-'));
  t.after(() => rm(dir, { recursive: true }));
  for (const name of await readdir(DIST)) {
    if (name.endsWith('.cjs')) await cp(join(DIST, name), join(dir, name));
  }
  const identity = await generateX25519Identity();
  const dataKey = new Uint8Array(32).fill(7);
  const workerData = { recipient: await identityToRecipient(identity), dataKey };
  const worker = new Worker(join(dir, 'age-worker.cjs'), { workerData, env: {} });
  const [answer] = (await once(worker, 'message')) as [SealingAnswer];
  assert.ok('wrappedKey' in answer, JSON.stringify(answer));
  const opened = await unwrapWithIdentities([SecretValue.fromText(identity)], [answer.wrappedKey]);
  assert.deepEqual(opened?.expose(), dataKey);
});

/** For `node --import`: just before each answer of a server it writes down what is loaded. */
function toldBeforeAnswers(list: string): string {
  const code = `
    import { createRequire } from 'node:module';
    import { writeFileSync } from 'node:fs';
    const require = createRequire('/');
    const { ServerResponse } = require('node:http');
    const { end } = ServerResponse.prototype;
    ServerResponse.prototype.end = function (...given) {
      const loaded = { files: Object.keys(require.cache), builtin: process.moduleLoadList };
      writeFileSync(${JSON.stringify(list)}, JSON.stringify(loaded));
      return end.apply(this, given);
    };
  `;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

type Loaded = {
  /** Dependencies of package.json. */
  readonly used: readonly string[];
  readonly sources: readonly string[];
  readonly builtin: readonly string[];
};

/** What went into the files of the build that are loaded, by their maps. */
async function dependencies(list: string): Promise<Loaded> {
  const { files, builtin } = JSON.parse(await readFile(list, 'utf8')) as {
    readonly files: readonly string[];
    readonly builtin: readonly string[];
  };
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { readonly dependencies: object };
  const sources = (await Promise.all(files.map(sourcesOf))).flat();
  const used = Object.keys(manifest.dependencies)
    .filter((name) => sources.some((source) => source.includes(`/${name}/`)))
    .sort();
  return { used, sources, builtin };
}

async function sourcesOf(file: string): Promise<readonly string[]> {
  if (!existsSync(`${file}.map`)) return [file];
  const { sources } = JSON.parse(await readFile(`${file}.map`, 'utf8')) as { readonly sources: readonly string[] };
  return sources;
}
