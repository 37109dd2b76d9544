import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { PsiError } from '../../../src/core/error.ts';
import { SecretReader } from '../../../src/config/secret-reader.ts';
import { RunningConfig, type Providers } from '../../../src/service/running-config.ts';
import { PROVIDER_KINDS } from '../../../src/wiring/provider-kinds.ts';
import { FakeHeaderFile } from '../../fakes/header-file.fake.ts';
import { FakeSecretSource } from '../../fakes/secret-source.fake.ts';
import { startingConfig } from '../../../src/service/starting-config.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { FakeLastGood } from '../../fakes/last-good.fake.ts';
import { PROVIDER } from '../config/support.ts';

const FILE = '/etc/psi/config.yaml';
const TOKEN_FILE = 'socket_token: {file: /etc/psi/token}\n';

type MadeProviders = Providers & { readonly source: FakeSecretSource; closed: number };

function madeProviders(): MadeProviders {
  const source = new FakeSecretSource();
  const made: MadeProviders = {
    source,
    closed: 0,
    sources: new Map([['infisical', source]]),
    readers: new Map(),
    problems: () => [],
    close: () => {
      made.closed += 1;
    },
  };
  return made;
}

/** A running config over files in memory. */
type StageOptions = {
  readonly header?: string;
  readonly failHeader?: PsiError;
  /** Kept from earlier. */
  readonly lastGood?: string;
  readonly env?: Readonly<Record<string, string>>;
};

async function stage(text: string | undefined, { header, failHeader, lastGood: kept, env = {} }: StageOptions = {}) {
  const files = new Map([['/etc/psi/token', 'old']]);
  if (text !== undefined) files.set(FILE, text);
  const readFile = (path: string): Promise<Uint8Array> => {
    const content = files.get(path);
    if (content !== undefined) return Promise.resolve(new TextEncoder().encode(content));
    return Promise.reject(Object.assign(new Error(`no ${path}`), { code: 'ENOENT' }));
  };
  const providers: MadeProviders[] = [];
  const headerFile = new FakeHeaderFile();
  headerFile.token = header;
  headerFile.failWith = failHeader;
  const clock = new FakeClock();
  const lastGood = new FakeLastGood();
  lastGood.text = kept;
  const logged: string[] = [];
  const note = (_: unknown, message?: string): void => {
    logged.push(message ?? '');
  };
  const load = { env, uid: 0, readFile, kinds: PROVIDER_KINDS };
  const running = await RunningConfig.start(await startingConfig(load, lastGood), {
    ...load,
    clock,
    lastGood,
    log: { error: note, info: note, warn: note },
    changedAt: () => Promise.resolve(Date.UTC(2025, 11, 31)),
    digest: (bytes) => createHash('sha256').update(bytes).digest('hex'),
    secrets: new SecretReader({ readFile, env }),
    providersOf: () => {
      const made = madeProviders();
      providers.push(made);
      return Promise.resolve(made);
    },
    headerFile,
  });
  const tokens = (): readonly string[] => running.tokens.map((token) => token.exposeText());
  const closed = (): readonly number[] => providers.map((one) => one.closed);
  const problems = (): readonly string[] => running.problems().map(({ message }) => message);
  return { running, files, providers, headerFile, tokens, closed, clock, lastGood, logged, problems };
}

test('the header file is written at the start where it holds another token, or none', async () => {
  const text = `${PROVIDER}socket_token: secret\n`;
  assert.equal((await stage(text)).headerFile.token, 'secret');
  assert.equal((await stage(text, { header: 'other' })).headerFile.token, 'secret');
  assert.equal((await stage(text, { header: 'secret' })).headerFile.writes, 0);
  assert.equal((await stage(PROVIDER, { header: 'other' })).headerFile.writes, 0);
});

test('the service starts where the header file cannot be written, and serves nobody with a token that no header can hold', async () => {
  const full = new PsiError('HOST', 'cannot write the header file: ENOSPC');
  const { running, tokens } = await stage(`${PROVIDER}socket_token: secret\n`, { failHeader: full });
  assert.deepEqual([tokens(), running.lookupTimeoutMs > 0], [['secret'], true]);
  const bad = await stage(`${PROVIDER}socket_token: 'a b'\n`);
  assert.deepEqual([bad.tokens(), bad.running.closed?.code], [[], 'CONFIG_INVALID']);
});

test('what is activated is what lookups and refreshes use from then on', async () => {
  const { running, files, providers } = await stage(PROVIDER);
  files.set(FILE, `${PROVIDER}lookup: {timeout: 2s}\nworkloads: {myapp: {secrets: [{project: myproject}]}}\n`);
  const candidate = await running.candidate();
  assert.equal(running.lookupTimeoutMs, 5000);
  assert.deepEqual(running.target.workloads, []);
  assert.equal(candidate.target.workloads[0]?.name, 'myapp');
  await candidate.activate();
  assert.equal(running.lookupTimeoutMs, 2000);
  assert.deepEqual(running.target.workloads, candidate.target.workloads);
  assert.equal(running.target.sourceOf('infisical'), providers[1]?.source);
  assert.equal(running.target.sourceOf('other'), undefined);
  assert.equal(running.readerOf('infisical'), undefined);
});

test('the providers of the config before are closed when another takes its place, and not earlier', async () => {
  const { running, files, closed } = await stage(PROVIDER);
  files.set(FILE, `${PROVIDER}lookup: {timeout: 2s}\n`);
  const { activate } = await running.candidate();
  assert.deepEqual(closed(), [0, 0]);
  await activate();
  assert.deepEqual(closed(), [1, 0]);
  running.close();
  assert.deepEqual(closed(), [1, 1]);
});

test('a file that did not change keeps its providers, whose tokens and connections are still good', async () => {
  const { running, closed } = await stage(PROVIDER);
  const { activate } = await running.candidate();
  await activate();
  assert.deepEqual(closed(), [0]);
});

test('a file that came back to what was activated before is read anew all the same', async () => {
  const { running, files, closed } = await stage(PROVIDER);
  for (const text of [`${PROVIDER}lookup: {timeout: 2s}\n`, PROVIDER]) {
    files.set(FILE, text);
    await (await running.candidate()).activate();
  }
  assert.equal(running.lookupTimeoutMs, 5000);
  assert.deepEqual(closed(), [1, 1, 0]);
});

test('what a dry run made is closed with the next run, and at the end', async () => {
  const { running, files, closed } = await stage(PROVIDER);
  files.set(FILE, `${PROVIDER}lookup: {timeout: 2s}\n`);
  await running.candidate();
  assert.deepEqual(closed(), [0, 0]);
  await running.candidate();
  assert.deepEqual(closed(), [0, 1, 0]);
  assert.equal(running.lookupTimeoutMs, 5000);
  running.close();
  assert.deepEqual(closed(), [1, 1, 1]);
});

test('a token in a file of its own is read for each run, and both are accepted until it settles', async () => {
  const { running, files, tokens, closed } = await stage(PROVIDER + TOKEN_FILE);
  assert.deepEqual(tokens(), ['old']);
  files.set('/etc/psi/token', 'new');
  const candidate = await running.candidate();
  assert.equal(candidate.target.socketToken?.exposeText(), 'new');
  assert.deepEqual(tokens(), ['old']);
  await candidate.activate();
  assert.deepEqual(tokens(), ['old', 'new']);
  candidate.settle();
  assert.deepEqual(tokens(), ['new']);
  assert.deepEqual(closed(), [0]);
});

test('the frozen commands name the header file where a token is configured, and only there', async () => {
  const withToken = (await stage(PROVIDER + TOKEN_FILE)).running.target.options.lookup;
  assert.match(withToken, / -H @\/var\/lib\/psi\/driver\.hdr /);
  assert.match(withToken, / --unix-socket \/run\/psi\/psi\.sock /);
  assert.doesNotMatch((await stage(PROVIDER)).running.target.options.lookup, / -H /);
});

for (const [what, change, message] of [
  ['a broken file', (files: Map<string, string>) => files.set(FILE, 'providers: 7\n'), /problem/],
  ['no file', (files: Map<string, string>) => files.delete(FILE), /does not exist/],
  [
    'a change that takes a restart',
    (files: Map<string, string>) => files.set(FILE, `${PROVIDER}state_dir: /srv/psi\n`),
    /needs a restart/,
  ],
  [
    'a token that is not there',
    (files: Map<string, string>) => files.set(FILE, `${PROVIDER}socket_token: {file: /etc/psi/none}\n`),
    /the file \/etc\/psi\/none does not exist/,
  ],
] as const) {
  test(`${what} is refused and changes nothing`, async () => {
    const { running, files, tokens, closed } = await stage(PROVIDER + TOKEN_FILE);
    change(files);
    await assert.rejects(running.candidate(), { code: 'CONFIG_INVALID', message });
    assert.deepEqual(tokens(), ['old']);
    assert.equal(running.lookupTimeoutMs, 5000);
    // Mended, it is taken as if nothing had been.
    files.set(FILE, `${PROVIDER}${TOKEN_FILE}lookup: {timeout: 2s}\n`);
    await (await running.candidate()).activate();
    assert.equal(running.lookupTimeoutMs, 2000);
    assert.deepEqual(closed(), [1, 0]);
  });
}
