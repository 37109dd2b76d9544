// `psi infisical tls` as a process of its own, from source, against the double: exit statuses, files, and keys in no other place.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { factsOfPair } from '../../src/adapters/files/certificate-pair.ts';
import { startInfisicalDouble, type InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run, type RunResult } from '../hosts/run.ts';

const CREDENTIALS = { clientId: 'tls-host', clientSecret: 'canary-client-secret-tls' };
const PROFILE = '3d2a9c11-0000-4000-8000-000000000000';

describe('psi infisical tls as a process', () => {
  let dir: string;
  let double: InfisicalDouble;
  let config: string;
  let issued: RunResult;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'psi-tls-'));
    double = await startInfisicalDouble({
      seed: { identities: [CREDENTIALS], projects: [{ id: 'p1' }], profiles: [{ id: PROFILE, project: 'p1' }] },
    });
    config = join(dir, 'config.yaml');
    await writeFile(config, configText(double.url));
    issued = await tls('issue');
  });
  after(async () => {
    await double.close();
    await rm(dir, { recursive: true, force: true, maxRetries: 10 });
  });

  const output = (): { readonly cert: string; readonly key: string; readonly chain: string } => ({
    cert: join(dir, 'out/web.pem'),
    key: join(dir, 'out/web.key'),
    chain: join(dir, 'out/chain.pem'),
  });
  const configText = (apiUrl: string, hooks: readonly string[] = []): string =>
    stringify({
      state_dir: join(dir, 'state'),
      dbus_socket: join(dir, 'no-bus'),
      providers: {
        infisical: {
          api_url: apiUrl,
          auth: { method: 'universal-auth', client_id: CREDENTIALS.clientId, client_secret: CREDENTIALS.clientSecret },
          projects: { main: { id: 'p1' } },
          tls: {
            certificates: {
              web: { project: 'main', profile_id: PROFILE, common_name: 'web.example.com', output: output(), hooks },
            },
          },
        },
      },
    });

  const printed: string[] = [];
  const tls = async (...args: readonly string[]): Promise<RunResult> => {
    const env = { PATH: process.env['PATH'], PSI_CONFIG: config };
    const result = await run([...PSI_UNDER_TEST, 'infisical', 'tls', ...args], { env });
    printed.push(result.stdout, result.stderr);
    return result;
  };
  const serial = async (): Promise<string | undefined> =>
    factsOfPair(await readFile(output().cert, 'utf8'), await readFile(output().key, 'utf8'))?.serial;

  test('issues, and has nothing to do the next time', async () => {
    const { code, stdout, stderr } = issued;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^web: issued, ends on /);
    const first = await serial();
    assert.ok(first !== undefined);
    double.clearCalls();
    assert.equal((await tls('renew')).code, 0);
    assert.equal(double.count(), 0);
    assert.equal(await serial(), first);
  });

  test('ends with 75 through an outage, leaves the files, and tells the error later', async () => {
    const before = await serial();
    await double.refuseConnections();
    const { code: refused } = await tls('renew', '--force').finally(() => double.acceptConnections());
    assert.equal(refused, 75);
    assert.equal(await serial(), before);
    const { code, stdout } = await tls('status');
    assert.equal(code, 0);
    assert.match(stdout, /^web +web\.example\.com +valid /m);
    assert.match(stdout, /^web: last error, .*connection refused/m);
    assert.match(stdout, /^next run: psi-tls-renew\.timer is not active/m);
  });

  test('lets one of two runs work, and the pair stays one', async () => {
    const codes = (await Promise.all([tls('renew', '--force'), tls('renew', '--force')])).map(({ code }) => code);
    assert.ok(codes.includes(0) && codes.every((code) => code === 0 || code === 73), codes.join());
    assert.ok((await serial()) !== undefined);
  });

  test('ends with 77 where it is refused, and names the right', async () => {
    double.pki.set({ deny: ['issue-cert'] });
    const { code, stderr } = await tls('renew', '--force');
    double.pki.set({ deny: [] });
    assert.equal(code, 77);
    assert.match(stderr, /error: web: infisical refuses to renew .*\nhint: .*issue-cert/);
  });

  test('ends with 1 where a hook cannot run, with the new files in place', async () => {
    await writeFile(config, configText(double.url, ['systemctl reload nginx']));
    const before = await serial();
    const { code, stderr } = await tls('renew', '--force', '--json');
    assert.equal(code, 1, stderr);
    assert.notEqual(await serial(), before);
    assert.match((await tls('status')).stdout, /hook still to run: systemctl reload nginx/);
    await writeFile(config, configText(double.url));
  });

  test('ends with 64 for a certificate that is not in the config', async () => {
    const { code, stderr } = await tls('renew', 'wbe');
    assert.equal(code, 64);
    assert.match(stderr, /hint: there are: web/);
  });

  test('shows a key and the client secret nowhere, and keeps no key in its state', async () => {
    const names = await readdir(join(dir, 'state'), { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const texts = await Promise.all(files.map((path) => readFile(path, 'utf8')));
    assert.ok(files.some((path) => path.endsWith('tls/web.json')));
    for (const text of [...printed, ...texts]) {
      assert.ok(!text.includes('PRIVATE KEY') && !text.includes(CREDENTIALS.clientSecret));
    }
  });
});
