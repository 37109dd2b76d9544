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
    silent: () => new Map(),
    lookAgain: () => Promise.resolve(),
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
    if (content === 'never') return new Promise(() => undefined);
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
  assert.match(withToken, / h=\/var\/lib\/psi\/driver\.hdr .+ --header "\$h" .+ -H "@\$h" /s);
  assert.match(withToken, / --unix-socket \/run\/psi\/psi\.sock /);
  assert.doesNotMatch((await stage(PROVIDER)).running.target.options.lookup, / -H "?@| h=|--header/);
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

const LAST_GOOD = `${PROVIDER}lookup: {timeout: 3s}\n`;
const BROKEN = `${PROVIDER}lookups: {}\n`;

test('a good config is kept as the last good one at the start and with each that is activated, and no other', async () => {
  const { running, files, lastGood } = await stage(PROVIDER);
  assert.equal(lastGood.text, PROVIDER);
  files.set(FILE, BROKEN);
  await assert.rejects(running.candidate());
  files.set(FILE, LAST_GOOD);
  const dryRun = await running.candidate();
  assert.equal(lastGood.text, PROVIDER);
  await dryRun.activate();
  assert.equal(lastGood.text, LAST_GOOD);
});

test('that the last good config cannot be kept is a problem until it can', async () => {
  const { running, files, lastGood, problems } = await stage(PROVIDER);
  lastGood.failWith = new PsiError('HOST', 'cannot keep the last good config: ENOSPC');
  files.set(FILE, LAST_GOOD);
  await (await running.candidate()).activate();
  assert.deepEqual(problems(), ['cannot keep the last good config: ENOSPC']);
  lastGood.failWith = undefined;
  await (await running.candidate()).activate();
  assert.deepEqual(problems(), []);
});

for (const [what, text] of [
  ['refused', BROKEN],
  ['no YAML', 'a: ['],
  ['gone', undefined],
] as const) {
  test(`with a file that is ${what} the service starts with the last good config, which stays the last good one`, async () => {
    const { running, lastGood, problems, logged } = await stage(text, { lastGood: LAST_GOOD });
    assert.equal(running.lookupTimeoutMs, 3000);
    assert.ok(running.target.sourceOf('infisical'));
    assert.deepEqual([running.withoutConfig, running.closed], [undefined, undefined]);
    assert.match(
      problems()[0] ?? '',
      /not used: .*config\.yaml.*psi goes on with the last good config; setup changes nothing/,
    );
    await assert.rejects(running.candidate(), {
      code: 'CONFIG_INVALID',
      message: /psi goes on with the last good config/,
    });
    assert.equal(lastGood.text, LAST_GOOD);
    assert.deepEqual(logged, ['the config file is not what psi runs with']);
  });
}

test('a mended file takes the place of the last good config by a look, and of a config that was the file not before a setup', async () => {
  const { running, files, lastGood, problems, logged, closed } = await stage(BROKEN, { lastGood: LAST_GOOD });
  files.set(FILE, `${PROVIDER}lookup: {timeout: 4s}\n`);
  await running.look();
  assert.deepEqual([running.lookupTimeoutMs, problems(), closed()], [4000, [], [1, 0]]);
  assert.equal(lastGood.text, files.get(FILE));
  assert.ok(logged.includes('the config is good again: psi goes on with it'));
  files.set(FILE, PROVIDER);
  await running.look();
  assert.deepEqual([running.lookupTimeoutMs, problems()], [4000, []]);
});

test('a file that is as the last good config was keeps its providers', async () => {
  const { running, files, problems, closed } = await stage(undefined, { lastGood: LAST_GOOD });
  files.set(FILE, LAST_GOOD);
  await running.look();
  assert.deepEqual([problems(), closed()], [[], [0]]);
});

test('a mended file that takes a restart is named with it', async () => {
  const { running, files, problems } = await stage(BROKEN, { lastGood: LAST_GOOD });
  files.set(FILE, `${PROVIDER}state_dir: /srv/psi\n`);
  await running.look();
  assert.match(problems()[0] ?? '', /needs a restart.*last good config/);
  assert.equal(running.problems()[0]?.hint, 'run `systemctl restart psi.service`, then this again');
});

test('a look tells since when a file is refused, and says the same as long as it is the same', async () => {
  const { running, files, clock, problems, logged } = await stage(PROVIDER);
  files.set(FILE, BROKEN);
  await running.look();
  const [first] = problems();
  assert.match(
    first ?? '',
    /config\.yaml:6:1 lookups: .*\(changed 2025-12-31T00:00:00Z, seen 2026-01-01T00:00:00Z\); psi goes on with the config of before/,
  );
  await clock.advance(60_000);
  await running.look();
  assert.deepEqual(problems(), [first]);
  files.set(FILE, `${BROKEN}more: 1\n`);
  await running.look();
  assert.match(problems()[0] ?? '', /seen 2026-01-01T00:01:00Z/);
  assert.equal(logged.length, 2);
  files.set(FILE, PROVIDER);
  await running.look();
  assert.deepEqual(problems(), []);
});

test('without any config the service starts, refuses lookups with the reason and takes a file that is there again', async () => {
  const { running, files, problems, tokens } = await stage(undefined, { header: 'sent' });
  assert.match(running.refuseLookups()?.message ?? '', /no config to work with: .*config\.yaml does not exist/);
  assert.match(running.refuseLookups()?.hint ?? '', /^run `podman exec psi psi check`; create it/);
  assert.match(problems()[0] ?? '', /answers no lookup/);
  // What lookups send is what is known of the token.
  assert.deepEqual([tokens(), running.refuseRequests()], [['sent'], undefined]);
  files.set(FILE, PROVIDER);
  await running.look();
  assert.deepEqual([running.refuseLookups(), problems()], [undefined, []]);
  assert.ok(running.target.sourceOf('infisical'));
});

test('without any config and without a header file no request is taken', async () => {
  const { running } = await stage(undefined);
  assert.match(running.refuseRequests()?.message ?? '', /does not exist/);
});

test('the places that the unit names hold without a config, and a config that says others is a problem', async () => {
  const env = { PSI_STATE_DIR: '/srv/psi', PSI_SOCKET: 'relative', PSI_CONTROL_SOCKET: '/run/psi-control.sock' };
  const without = await stage(undefined, { env });
  assert.match(without.running.target.options.lookup, /\/run\/psi\/psi\.sock/);
  const { problems } = await stage(PROVIDER, { env });
  assert.deepEqual(problems(), ['psi.container names /srv/psi as PSI_STATE_DIR, /etc/psi/config.yaml /var/lib/psi']);
});

test('a token that cannot be read is that of the header file meanwhile, and the right one once it can be', async () => {
  const text = `${PROVIDER}socket_token: {file: /etc/psi/none}\n`;
  const { running, files, tokens, problems, headerFile } = await stage(text, { header: 'sent' });
  assert.deepEqual([tokens(), running.closed], [['sent'], undefined]);
  assert.match(problems()[0] ?? '', /socket token cannot be used: the file \/etc\/psi\/none does not exist; meanwhile/);
  files.set('/etc/psi/none', 'right');
  await running.look();
  assert.deepEqual([tokens(), problems(), headerFile.token], [['sent', 'right'], [], 'right']);
});

test('a token that cannot be read and no header file close the socket, and neither a look nor a setup opens it to all', async () => {
  const text = `${PROVIDER}socket_token: {file: /etc/psi/none}\n`;
  const { running, files, tokens } = await stage(text);
  assert.match(running.refuseRequests()?.message ?? '', /\/etc\/psi\/none does not exist.*all requests are refused/);
  await running.look();
  assert.ok(running.closed);
  await assert.rejects(running.candidate(), { message: /none does not exist/ });
  files.set('/etc/psi/none', 'right');
  await (await running.candidate()).activate();
  assert.deepEqual([tokens(), running.closed], [['right'], undefined]);
});

test('a token that can no longer be read is good for as long as the service runs, and named', async () => {
  const { running, files, tokens, problems } = await stage(PROVIDER + TOKEN_FILE);
  files.delete('/etc/psi/token');
  await running.look();
  assert.deepEqual(tokens(), ['old']);
  assert.match(problems()[0] ?? '', /\/etc\/psi\/token does not exist/);
  files.set('/etc/psi/token', 'old');
  await running.look();
  assert.deepEqual([tokens(), problems()], [['old'], []]);
});

test('what the config refers to and cannot be read is named, each thing once', async () => {
  const secret = '{file: /etc/psi/none}';
  const text = `ca_cert: /etc/psi/ca.pem\n${PROVIDER.replace('client_secret: s1', `client_secret: ${secret}`)}`;
  const { running, problems } = await stage(text);
  await running.look();
  assert.deepEqual(problems(), ['the file /etc/psi/none does not exist', 'ca_cert /etc/psi/ca.pem does not exist']);
});

test('a file that does not answer keeps nobody waiting for longer than a second', async () => {
  const { running, files, clock } = await stage(PROVIDER);
  files.set(FILE, 'never');
  const looked = running.look();
  await clock.advance(1_000);
  await looked;
});

test('a changed file whose authority is not there is told before a setup refuses it', async () => {
  const { running, files, problems } = await stage(PROVIDER);
  files.set(FILE, `ca_cert: /etc/psi/ca.pem\n${PROVIDER}`);
  await running.look();
  assert.match(problems()[0] ?? '', /not used: ca_cert \/etc\/psi\/ca\.pem does not exist .*config of before/);
});

test('a last good config that is not good either is named, and takes nothing with it', async () => {
  const { running, problems } = await stage(BROKEN, { lastGood: 'a: [' });
  assert.ok(running.withoutConfig);
  assert.match(
    problems()[1] ?? '',
    /last good config \/var\/lib\/psi\/config\.last-good cannot be used either: 1 problem/,
  );
});
