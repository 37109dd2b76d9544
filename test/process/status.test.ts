// What `psi status` tells: what is wrong, the worst first, by its exit status too, and the command that it prints mends it.

import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run } from '../hosts/run.ts';
import { isGet, isList } from './observed/front.ts';
import { said, stage, type Observed } from './observed/stage.ts';

const FOLDERS = { '/app': { A: 'value a', B: 'value b' } };

type Problem = {
  readonly severity?: string;
  readonly subject: string | null;
  readonly message: string;
  readonly hint: string;
};
type Status = {
  readonly code: number | null;
  readonly problems: readonly Problem[];
  readonly result: Readonly<Record<string, unknown>>;
};

async function status(it: Observed): Promise<Status> {
  const { code, stdout } = await it.psi.cli('status', '--json');
  // Of an older PSI: without an envelope, and without problems.
  const answer = JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  const result = (answer['result'] ?? answer) as Readonly<Record<string, unknown>>;
  const { problems = [] } = result as { readonly problems?: readonly Problem[] };
  return { code, problems, result };
}

/** Something is wrong: it stands first, and the exit status tells. */
async function first(it: Observed, code: number, message: RegExp): Promise<Problem> {
  const found = await status(it);
  assert.deepEqual([found.code, found.problems[0]?.severity], [code, code === 1 ? 'error' : 'warning'], told(found));
  const [problem] = found.problems;
  assert.match(problem?.message ?? '', message, told(found));
  return problem ?? assert.fail();
}

async function well(it: Observed): Promise<void> {
  const found = await status(it);
  assert.deepEqual([found.code, found.problems], [0, []], told(found));
}

const told = ({ problems }: Status): string => JSON.stringify(problems, undefined, 1);

/** The first command between backticks, as somebody would run it. */
async function runHint(it: Observed, { hint }: Problem): Promise<void> {
  const [, command = ''] = /`([^`]+)`/.exec(hint) ?? [];
  const inPsi = /^podman exec psi psi (.+)$/.exec(command)?.[1];
  const words = inPsi?.split(' ');
  const { code, stdout, stderr } = words ? await it.psi.cli(...words) : await run(['sh', '-c', command]);
  assert.equal(code, 0, `${command}: ${stdout}${stderr}`);
}

async function metric(it: Observed, name: string): Promise<number | undefined> {
  const { body } = await ask(join(it.options.dir, 'control.sock'), 'GET', '/metrics');
  const line = body
    .toString('utf8')
    .split('\n')
    .find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

test('a host where all is well ends with 0, and --quiet says nothing', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  await it.registered();
  await well(it);
  const quiet = await it.psi.cli('status', '--quiet');
  assert.deepEqual([quiet.code, said(quiet)], [0, '']);
  assert.ok(Math.abs(((await metric(it, 'psi_setup_last_success_timestamp_seconds')) ?? 0) - Date.now() / 1000) < 60);
  assert.equal(await metric(it, 'psi_provider_up'), 1);
});

test('an outage is told with its reason, since when, and what lookups are answered with', async (t) => {
  const it = await stage(t, { folders: FOLDERS, cache: { max_age: '1s' } });
  await it.registered();
  await it.outage();
  await new Promise((done) => setTimeout(done, 1_100));
  assert.equal((await it.lookup('A')).ok, true);
  const { message } = await first(it, 1, /^infisical has given no usable answer since \d{4}-\S+Z \(.+\)/);
  assert.match(message, /answered from the cache meanwhile \(2 values, 2 of them older than `cache\.max_age`\)/);
  assert.deepEqual([await metric(it, 'psi_provider_up'), await metric(it, 'psi_problems')], [0, 1]);
  const quiet = await it.psi.cli('status', '--quiet');
  assert.match(quiet.stdout, /^problem infisical has given no usable answer.*\n +.+\n$/);
  assert.equal((await it.psi.cli('health')).code, 0);
});

test('a provider that is there again is found so by the status itself', async (t) => {
  const it = await stage(t, { folders: FOLDERS, lookups: 'one by one' });
  await it.registered();
  it.front.answer = () => ({ status: 503, body: 'Service Unavailable' });
  for (const key of ['A', 'B', 'A']) await it.lookup(key);
  await first(it, 1, /^infisical has given no usable answer since .*no cache/);
  it.front.answer = () => undefined;
  assert.deepEqual(
    (await status(it)).problems.filter(({ message }) => /infisical has given/.test(message)),
    [],
  );
});

test('a setup that failed is told by the workload and its reason, until one goes well', async (t) => {
  const it = await stage(t, { folders: FOLDERS, env: { PSI_SETUP_RETRY: '1h' } });
  it.hide('/app');
  await it.setup();
  const { subject, hint } = await first(it, 1, /setup left it as it was: .*\/app/);
  assert.deepEqual([subject, hint !== ''], ['app', true]);
  const { result } = await status(it);
  const last = result['lastSetup'] as {
    readonly outcome: string;
    readonly failed: readonly { readonly subject: string }[];
  };
  assert.deepEqual([last.outcome, last.failed[0]?.subject], ['failed', 'app']);
  assert.equal(await metric(it, 'psi_setup_last_success_timestamp_seconds'), undefined);
  assert.ok((await metric(it, 'psi_setup_last_run_timestamp_seconds')) !== undefined);
});

test('a config that is refused stands first, and so does what setup owes to systemd', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  await it.registered();
  await writeFile(join(it.psi.stateDir, 'reload.owed'), '');
  await runHint(it, await first(it, 1, /systemd has yet to read drop-ins/));
  await well(it);
  await it.psi.writeConfig({ ...it.options, file: 'worklods: {}\n' });
  await first(it, 1, /the config is not used: /);
});

test('a workload whose quadlet is nowhere is named', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  await it.registered();
  const path = join(it.psi.systemdDir, 'app.container');
  await rename(path, `${path}.away`);
  const { subject } = await first(it, 4, /its unit app\.container is nowhere/);
  assert.equal(subject, 'app');
  await rename(`${path}.away`, path);
  await well(it);
});

test('secrets that no workload uses any more are named until they are removed', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  await it.registered();
  await it.psi.writeConfig({
    ...it.options,
    workloads: { app: { secrets: [{ project: 'main', path: '/app', exclude: ['B'] }] } },
  });
  assert.equal((await it.setup()).code, 0);
  const { hint } = await first(it, 4, /no workload uses any more: 1, app--B/);
  assert.match(hint, /`podman secret rm app--B`/);
  const id = (await it.podman.list()).find(({ name }) => name === 'app--B')?.id ?? '';
  await ask(it.psi.socket, 'DELETE', `/delete/${id}`);
  await well(it);
});

test('a request that was refused is named with its remedy, and settled by a setup', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  await it.registered();
  const refused = await ask(it.psi.socket, 'POST', `/store/${'7'.repeat(25)}`, 'a value, not a mapping');
  assert.equal(refused.status, 422);
  await first(it, 4, /^a request to store 7{25} was refused at \d{4}-/);
  assert.equal((await it.setup()).code, 0);
  await well(it);
  assert.equal(await metric(it, 'psi_refused_requests_total'), 1);
});

// F9, A18
test('a request without the token has a line in the journal, a count, and a place in the status', async (t) => {
  const token = 'canary-token';
  const at: { it?: Observed } = {};
  const tell = async (method: string, path: string, body?: Uint8Array): Promise<void> => {
    await ask(at.it?.psi.socket ?? '', method, path, body, { authorization: `Bearer ${token}` });
  };
  const driver = {
    store: (id: string, body: Uint8Array) => tell('POST', `/store/${id}`, body),
    delete: (id: string) => tell('DELETE', `/delete/${id}`),
  };
  const it = await stage(t, { folders: FOLDERS, config: { socket_token: token }, driver });
  at.it = it;
  await it.registered();
  await well(it);
  for (const [method, path] of REQUESTS) assert.equal((await ask(it.psi.socket, method, path, 'x')).status, 401);
  const { message, hint } = await first(it, 4, /^a request to delete 7{25} was refused at \d{4}-.* and 2 more within/);
  assert.match(message, /the socket token is missing or wrong/);
  assert.match((await it.psi.cli('status')).stdout, /^other requests refused: 3\n(?:refused .*\n){3}/m);
  await runHint(it, { message, hint, subject: null });
  await well(it);
  await it.psi.stop();
  assert.equal(it.psi.log().match(/"request":"(?:list|store|delete)".*"UNAUTHENTICATED"/g)?.length, 3);
  assert.doesNotMatch(it.psi.log(), /canary-token/);
});

const ID = '7'.repeat(25);
const REQUESTS = [
  ['GET', '/list'],
  ['POST', `/store/${ID}`],
  ['DELETE', `/delete/${ID}`],
] as const;

// A25
test('a server that answers 500 is not said to be silent for no time at all', async (t) => {
  const it = await stage(t, { folders: FOLDERS, lookups: 'one by one' });
  await it.registered();
  const body = { reqId: 'req-1', statusCode: 500, message: 'Something went wrong', error: 'InternalServerError' };
  it.front.answer = (asked) => (isList(asked) || isGet(asked) ? { status: 500, body } : undefined);
  const hints: string[] = [];
  for (const key of ['A', 'B', 'A', 'B', 'A']) {
    const looked = await it.lookup(key);
    if (!looked.ok) hints.push(looked.hint);
  }
  assert.doesNotMatch(hints.join('\n'), /has not answered for/);
  assert.match(hints.at(-1) ?? '', /has given no usable answer for main:\/app since \d{4}-\S+Z \(.*500/);
  await first(it, 1, /^infisical has given no usable answer for main:\/app since \d{4}-\S+Z \(.*500/);
});

test('a config and a state folder that are open to others are told at the start, in status and in check', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  await it.registered();
  await well(it);
  await chmod(it.psi.configFile, 0o666);
  await chmod(it.psi.stateDir, 0o777);
  const problem = await first(it, 4, /config\.yaml is open, mode 0666: others can change it/);
  const check = await it.psi.cli('check');
  assert.match(said(check), /config\.yaml is open, mode 0666.*\n.*chmod 600/);
  assert.match(said(check), /state folder \S+ is open, mode 0777.*\n.*chmod 700/);
  assert.equal(check.code, 0);
  await it.restart();
  while (!it.psi.log().includes('is open, mode 0777')) await new Promise((done) => setTimeout(done, 50));
  await runHint(it, problem);
  await runHint(it, await first(it, 4, /state folder \S+ is open, mode 0777/));
  await well(it);
});

test('a secret that stands in a config which others can read is told', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  await it.registered();
  await chmod(it.psi.configFile, 0o644);
  await runHint(it, await first(it, 4, /mode 0644: secrets stand in it/));
  await well(it);
});

const DAY_MS = 86_400_000;

test('a certificate that ended, or whose renewal is overdue, is told from what psi remembers', async (t) => {
  const output = { cert: '/srv/tls/a.pem', key: '/srv/tls/a.key', chain: '/srv/tls/chain.pem' };
  const web = { project: 'main', profile_id: 'profile-1', common_name: 'a.example.com', ttl: '90d', output };
  const it = await stage(t, { folders: FOLDERS, provider: { tls: { certificates: { web } } } });
  await it.registered();
  await first(it, 4, /none was issued yet/);
  const path = join(it.psi.stateDir, 'tls', 'web.json');
  await mkdir(join(path, '..'), { recursive: true });
  const issued = async (endsInDays: number): Promise<string> => {
    const at = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString();
    const certificate = { id: 'c1', serial: 'AB', notBefore: at(endsInDays - 90), notAfter: at(endsInDays) };
    await writeFile(path, JSON.stringify({ version: 1, certificate }));
    return certificate.notAfter;
  };
  const end = await issued(80);
  await well(it);
  assert.equal(await metric(it, 'psi_certificate_expiry_timestamp_seconds'), Date.parse(end) / 1000);
  await issued(2);
  const { subject, hint } = await first(it, 4, /its renewal is overdue since .*, and it ends /);
  assert.deepEqual([subject, /psi infisical tls renew/.test(hint)], ['certificate web', true]);
  await issued(-1);
  await first(it, 1, /it ended \d{4}-/);
});

test('a lookup that the next start meets too is named, until it is answered', async (t) => {
  const it = await stage(t, { folders: FOLDERS, lookups: 'one by one' });
  await it.registered();
  it.hide('/app', 'A');
  assert.equal((await it.lookup('A')).ok, false);
  const { subject } = await first(it, 1, /its last lookup failed: /);
  assert.equal(subject, 'app--A');
});

test('under units that check health by the status, it ends with 0 and says what it found', async (t) => {
  const it = await stage(t, { folders: FOLDERS, env: { PSI_UNITS: '1' } });
  await it.registered();
  await it.psi.writeConfig({ ...it.options, file: 'worklods: {}\n' });
  const found = await it.psi.cli('status');
  assert.equal(found.code, 0, said(found));
  assert.match(found.stdout, /^problem the config is not used/);
  assert.match(found.stdout, /^warning the units of this host are older than the image/m);
});

test('what is asked of the cache does not fill the journal', async (t) => {
  const it = await stage(t, { folders: FOLDERS, cache: {} });
  await it.registered();
  for (const key of ['A', 'B', 'A', 'B']) assert.equal((await it.lookup(key)).ok, true);
  await rm(join(it.psi.systemdDir, 'app.container'));
  await it.psi.stop();
  assert.equal(it.psi.log().match(/"audit":"lookup"/g)?.length ?? 0, 0, await readFile(it.psi.configFile, 'utf8'));
});

/** A host of its own: root of the machine is a user in a namespace. */
const AS_USER = process.getuid?.() === 0 ? ['unshare', '--user', '--map-user=1000'] : [];

test("a file that makes another PSI's commands the default driver is named by status and setup", async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  const home = join(it.options.dir, 'home');
  const path = join(home, '.config/containers/containers.conf.d/50-psi.conf');
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, '[secrets]\ndriver = "shell"\n[secrets.opts]\nlookup = "python3 -m psi.lookup"\n');
  const env = { ...it.options.env, HOME: home, XDG_RUNTIME_DIR: join(home, 'run') };
  await it.registered();
  await it.restart([...AS_USER, ...PSI_UNDER_TEST], { ...it.options, env });
  // In the namespace the bus would not know it.
  const setup = await it.setup('--dry-run');
  const problem = await first(it, 4, /50-psi\.conf makes commands that are not psi's the default secret driver/);
  assert.match(setup.stdout, /note .*50-psi\.conf makes commands/);
  await runHint(it, problem);
  await well(it);
});
