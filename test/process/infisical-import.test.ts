// `psi infisical import` as a process of its own against servers that want everything to be there that a value refers to: what a person reads.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startInfisicalDouble, type InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run, type RunResult } from '../hosts/run.ts';
import { writeToolsConfig } from './tools-config.ts';

const CREDENTIALS = { clientId: 'import-host', clientSecret: 'canary-client-secret-import' };
const PROJECT = 'import-project';

const FILE = [
  'PLAIN=x',
  "PASSWORD='canary-w0rd${x}end'",
  "URL='pg://${USER}@${HOST}'",
  "USER='${NAME}'",
  'NAME=me',
  'HOST=db',
  "FOLDER='canary ${prod.none.K}'",
  "ENVIRONMENT='canary ${none.K}'",
].join('\n');

for (const generation of ['2025', '2025-v4'] as const) {
  describe(`psi infisical import on a server of the generation ${generation}`, () => {
    let dir: string;
    let double: InfisicalDouble;
    const go = (...flags: readonly string[]): Promise<RunResult> => {
      const env = { PATH: process.env['PATH'], PSI_CONFIG: join(dir, 'config.yaml') };
      const argv = ['infisical', 'import', 'env-file', '-', '--project', 'p', '--path', '/app', ...flags];
      return run([...PSI_UNDER_TEST, ...argv], { env, input: `${FILE}\n` });
    };
    const stored = (): Readonly<Record<string, string>> => {
      const folder = double.state.projects.get(PROJECT)?.environments.get('prod')?.folders.get('/app');
      return Object.fromEntries([...(folder?.secrets.values() ?? [])].map(({ key, value }) => [key, value]));
    };

    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'psi-import-'));
      double = await startInfisicalDouble({
        generation,
        seed: { identities: [CREDENTIALS], projects: [{ id: PROJECT, slug: 'the-import', environments: ['prod'] }] },
      });
      await writeToolsConfig({ dir, apiUrl: double.url, credentials: CREDENTIALS, project: PROJECT });
    });
    after(async () => {
      await double.close();
      await rm(dir, { recursive: true, force: true, maxRetries: 10 });
    });

    test('a dry run names each value that refers to something', async () => {
      const { code, stderr } = await go('--dry-run');
      assert.equal(code, 0);
      const warned = [...stderr.matchAll(/^note: (\w+) \(stdin:\d\): infisical reads `\$\{…\}` in a value as a ref/gm)];
      assert.deepEqual(
        warned.map(([, key]) => key),
        ['PASSWORD', 'URL', 'USER', 'FOLDER', 'ENVIRONMENT'],
      );
      assert.deepEqual(stored(), {});
    });

    test('what refers to nothing is named with its reference and the next step, and all else is written', async () => {
      const { code, stdout, stderr } = await go();
      assert.equal(code, 1);
      assert.deepEqual(stored(), { PLAIN: 'x', NAME: 'me', HOST: 'db', USER: '${NAME}', URL: 'pg://${USER}@${HOST}' });
      assert.match(stdout, /^p:\/app: 5 created, 2 refused, 1 failed$/m);
      const bad = stderr.split('\n').filter((line) => /^(?:refused|failed|hint): /.test(line));
      const next =
        'make what it refers to first; or, if the text itself is meant, encode it: put the output of `base64 -w0` into infisical and read it back with `psi infisical write-file --base64`';
      const takes = 'infisical does not take a value that refers to';
      assert.deepEqual(
        bad.map((line) => line.replace(/ \[req-[\w-]+\]/, '')),
        [
          `refused: PASSWORD (stdin:2): ${takes} \${x}: it has no such secret`,
          `hint: ${next}`,
          'failed: FOLDER (stdin:7): infisical failed (500) on a value that refers to ${prod.none.K}: is that folder there?',
          `hint: ${next}; if it is there, see the log of the infisical server`,
          `refused: ENVIRONMENT (stdin:8): ${takes} \${none.K}: it has no such environment`,
        ],
      );
      assert.doesNotMatch(stdout + stderr, /canary|project/);
    });

    test('the same import with skip does what is left once the reason is gone', async () => {
      double.state.setSecret({ project: PROJECT, environment: 'prod', path: '/none', key: 'K', value: 'v' });
      double.state.setSecret({ project: PROJECT, environment: 'prod', path: '/app', key: 'x', value: 'v' });
      const { code, stdout } = await go('--conflict', 'skip');
      assert.match(stdout, /^created PASSWORD [^]*^created FOLDER [^]*: 5 skipped, 2 created, 1 refused$/m);
      assert.equal(code, 1);
    });
  });
}
