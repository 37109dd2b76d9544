// `psi infisical login` as a process of its own: real config, real files, a real command, against the double.
import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { stringify } from 'yaml';
import { answerOf } from '../hosts/answer.ts';
import { startInfisicalDouble, type InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import { acceptJwt, acceptLdap } from '../doubles/infisical/machine-logins.ts';
import { ask, at } from '../doubles/infisical/talk.ts';
import { mintJwt } from '../doubles/jwt.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run, type RunResult } from '../hosts/run.ts';

const SECRET = 'canary-client-secret-55aa';
const KEY = 'canary-signing-key';
const universal = (clientSecret: unknown): object => ({
  method: 'universal-auth',
  client_id: 'client-1',
  client_secret: clientSecret,
});

let dir: string;
let double: InfisicalDouble;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'psi-login-'));
  double = await startInfisicalDouble();
  double.state.addProject({ id: 'project-1' });
  double.state.addIdentity({ clientId: 'client-1', clientSecret: SECRET });
  const rule = acceptJwt({ key: KEY, issuer: 'tests', audience: 'infisical' });
  double.logins.allow({ method: 'oidc-auth', identityId: 'identity-2', rule });
  const password = acceptLdap({ username: 'psi', password: 'canary-password' });
  double.logins.allow({ method: 'ldap-auth', identityId: 'identity-3', rule: password });
  await writeFile(join(dir, 'client-secret'), `${SECRET}\n`, { mode: 0o600 });
  await writeFile(join(dir, 'helper'), `#!/bin/sh\nprintf '%s\\n' "$TOKEN_FOR_HELPER"\n`);
  await chmod(join(dir, 'helper'), 0o755);
});
after(async () => {
  await double.close();
  await rm(dir, { recursive: true });
});
beforeEach(() => {
  double.clearCalls();
  double.knobs.reset();
});

async function login(provider: object, flags: readonly string[] = [], env: object = {}): Promise<RunResult> {
  const file = join(dir, 'config.yaml');
  const config = { state_dir: join(dir, 'state'), providers: { infisical: { api_url: double.url, ...provider } } };
  await writeFile(file, stringify(config), { mode: 0o600 });
  const exp = Math.floor(Date.now() / 1000) + 600;
  const token = mintJwt({ iss: 'tests', sub: 'host', aud: 'infisical', exp }, KEY);
  const inherited = { PATH: process.env['PATH'], TOKEN_FOR_HELPER: token, ...env };
  const result = await run([...PSI_UNDER_TEST, '-c', file, 'infisical', 'login', ...flags], { env: inherited });
  assert.doesNotMatch(result.stdout + result.stderr, /canary|eyJ/);
  return result;
}

const project = (auth?: object): object => ({ id: 'project-1', environment: 'prod', ...(auth && { auth }) });
const helper = (): object => ({ method: 'oidc', identity_id: 'identity-2', jwt: { command: [join(dir, 'helper')] } });

test('names each identity once, with who, until when and the projects, gives the tokens back and keeps nothing', async () => {
  const { code, stdout, stderr } = await login({
    auth: universal({ file: join(dir, 'client-secret') }),
    projects: { one: project(), two: project(helper()), three: project(), four: project(helper()) },
  });
  assert.deepEqual([code, stderr], [0, '']);
  const [first, second, ...more] = stdout.trimEnd().split('\n');
  assert.match(
    first ?? '',
    /^OK infisical: client client-1 \(universal-auth\), for one, three: a token would last until 20\d\d-\d\d-\d\dT[\d:]{8}Z$/,
  );
  assert.match(second ?? '', /^OK infisical: identity identity-2 \(oidc\), for two, four: a token would last until /);
  assert.deepEqual(more, []);
  const paths = double.calls.map(({ path, status }) => `${path} ${String(status)}`).sort();
  assert.deepEqual(paths, [
    '/api/v1/auth/oidc-auth/login 200',
    '/api/v1/auth/token/revoke 200',
    '/api/v1/auth/token/revoke 200',
    '/api/v1/auth/universal-auth/login 200',
  ]);
  assert.deepEqual(await readdir(dir), ['client-secret', 'config.yaml', 'helper']);
});

test('says of each that fails what failed and what comes next, and ends with the status of the worst', async () => {
  const { code, stdout } = await login(
    {
      auth: universal({ env: 'CLIENT_SECRET' }),
      projects: {
        one: project(),
        two: project({ method: 'ldap', identity_id: 'identity-3', username: 'psi', password: 'wrong-password' }),
        three: project({ method: 'kubernetes', identity_id: 'identity-4', jwt: { file: join(dir, 'missing') } }),
      },
    },
    [],
    { CLIENT_SECRET: SECRET },
  );
  assert.equal(code, 78);
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, 3);
  assert.match(lines[0] ?? '', /^OK /);
  assert.match(
    lines[1] ?? '',
    /^failed infisical: user psi \(ldap\), for two: infisical at \S+ refuses the login of user psi \(ldap\): Invalid credentials \[req-[^\]]+\]; next: check username/,
  );
  assert.match(
    lines[2] ?? '',
    /^failed infisical: identity identity-4 \(kubernetes\), for three: the file .* does not exist; next: /,
  );
});

test('ends with 77 when only denied, with 69 when the server is away', async () => {
  const wrong = { auth: universal('wrong-client-secret'), projects: {} };
  const denied = await login(wrong);
  assert.equal(denied.code, 77);
  assert.match(denied.stdout, /^failed infisical: client client-1 \(universal-auth\), used by no project: /);
  // Said while there is still a try left, and made once.
  assert.match(denied.stdout, /; next: check client_id .* on all hosts, after three wrong logins$/m);
  assert.equal(double.count('login'), 1);
  await double.refuseConnections();
  const away = await login(wrong);
  await double.acceptConnections();
  assert.equal(away.code, 69);
  assert.match(away.stdout, /connection refused/);
});

test('ends with 75 when the server limits requests', async () => {
  double.knobs.set({ limits: { write: 0 } });
  assert.equal((await login({ auth: universal(SECRET), projects: {} })).code, 75);
});

test('tries a ready access token by listing names, and leaves it alone', async () => {
  const credentials = { clientId: 'client-1', clientSecret: SECRET };
  const answer = await ask(double.url, 'POST', '/api/v1/auth/universal-auth/login', undefined, credentials);
  double.clearCalls();
  const auth = { method: 'token', access_token: { env: 'READY' } };
  const provider = { projects: { one: project(auth) } };
  const good = await login(provider, [], { READY: at(answer.body, 'accessToken') });
  assert.match(good.stdout, /^OK infisical: access token \(token\), for one: a token would last until 20/);
  assert.deepEqual(
    double.calls.map(({ kind }) => kind),
    ['list'],
  );
  double.state.deny('client-1', { actions: ['describe', 'readValue'] });
  assert.equal((await login(provider, [], { READY: at(answer.body, 'accessToken') })).code, 0);
  double.state.allowAll('client-1');
  double.state.trust('client-1', { token: ['10.0.0.0/8'] });
  const elsewhere = await login(provider, [], { READY: at(answer.body, 'accessToken') });
  double.state.trust('client-1', { token: undefined });
  assert.equal(elsewhere.code, 77);
  assert.match(
    elsewhere.stdout,
    /^failed .*: infisical refuses the access token \(token\): it does not trust the address .*; next: add the address that it sees to the trusted IPs for access tokens/,
  );
  const bad = await login(provider, [], { READY: mintJwt({ canary: 1 }, 'another key') });
  assert.equal(bad.code, 77);
  assert.match(bad.stdout, /^failed .*: infisical does not take the access token; next: was it revoked/);
});

test('prints one JSON object for programs', async () => {
  const auth = { method: 'ldap', identity_id: 'identity-3', username: 'psi', password: 'wrong-password' };
  const { code, stdout } = await login({ auth: universal(SECRET), projects: { two: project(auth) } }, ['--json']);
  const report = answerOf(stdout);
  assert.equal(code, 77);
  assert.equal(at(report, 'exit'), 77);
  const first = { provider: 'infisical', method: 'universal-auth', who: 'client client-1', projects: [], ok: true };
  assert.deepEqual(at(report, 'logins', 0), { ...first, until: at(report, 'logins', 0, 'until') });
  assert.deepEqual(
    ['method', 'ok', 'code'].map((key) => at(report, 'logins', 1, key)),
    ['ldap', false, 'PROVIDER_DENIED'],
  );
});

test('without an identity in the config says where to put one', async () => {
  const { code, stderr } = await login({ projects: {} });
  assert.equal(code, 78);
  assert.match(stderr, /^error: .*config\.yaml names no identity\nhint: put `auth` under `providers\.infisical`/);
});
