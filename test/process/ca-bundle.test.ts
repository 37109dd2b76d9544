// A bundle of authorities as an operator gives it, through the CLI alone, so that it runs against the PSI of any tree (PSI_TREE).
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { stringify } from 'yaml';
import { startInfisicalDouble, type InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import { makeTestAuthority } from '../doubles/infisical/test-authority.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run, type RunResult } from '../hosts/run.ts';

const CLIENT = { clientId: 'client-1', clientSecret: 'canary-client-secret' };

let dir: string;
let double: InfisicalDouble;
let right: string;
let other: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'psi-bundle-'));
  const authority = await makeTestAuthority();
  [right, other] = [authority.ca, (await makeTestAuthority()).ca];
  double = await startInfisicalDouble({
    tls: authority.server,
    seed: { identities: [CLIENT], projects: [{ id: 'project-1', environments: ['prod'] }] },
  });
});
after(async () => {
  await double.close();
  await rm(dir, { recursive: true, force: true, maxRetries: 10 });
});

/** Its second line is gone, as after a bad copy. */
const damaged = (pem: string): string => pem.replace(/^(-----BEGIN.*\n.*\n).*\n/, '$1');

async function login(bundle: string): Promise<RunResult> {
  await writeFile(join(dir, 'ca.pem'), bundle);
  const auth = { method: 'universal-auth', client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret };
  const infisical = { api_url: double.url, ca_cert: join(dir, 'ca.pem'), auth, projects: {} };
  const config = { state_dir: join(dir, 'state'), providers: { infisical } };
  await writeFile(join(dir, 'config.yaml'), stringify(config), { mode: 0o600 });
  const env = { PATH: process.env['PATH'] };
  return run([...PSI_UNDER_TEST, '-c', join(dir, 'config.yaml'), 'infisical', 'login'], { env });
}

test('the right authority may stand behind another one', async () => {
  assert.equal((await login(`${other}${right}`)).code, 0);
});

test('a damaged block before the right one is named by its number and line', async () => {
  const { code, stdout, stderr } = await login(`${other}${damaged(other)}${right}`);
  const line = String(other.split('\n').length);
  assert.match(`${stdout}${stderr}`, new RegExp(`ca\\.pem.*\\b2\\b.*line ${line}\\b|line ${line}\\b.*ca\\.pem`));
  assert.notEqual(code, 0);
});
