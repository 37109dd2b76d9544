// The commands for people as processes of their own against a current server and one of July 2024: what they print, write and exit with.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { InfisicalSDK } from '@infisical/sdk';
import { answerOf } from '../hosts/answer.ts';
import type { ImportReport, KeyResult } from '../../src/transfer/import/report.ts';
import { startInfisicalDouble, type InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import { GENERATIONS } from '../doubles/infisical/generations.ts';
import type { Generation } from '../doubles/infisical/model.ts';
import { asEnvFile, COUNT, generatedSecrets } from '../hosts/generated-secrets.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run, type RunResult } from '../hosts/run.ts';
import { writeToolsConfig } from './tools-config.ts';

const CREDENTIALS = { clientId: 'tools-host', clientSecret: 'canary-client-secret-tools' };
const PROJECT = 'tools-project';

for (const generation of ['v4', '2024'] as const) {
  describe(`psi infisical … on a server of the generation ${generation}`, () => {
    let dir: string;
    let double: InfisicalDouble;
    const psi = (argv: readonly string[], input?: string): Promise<RunResult> => {
      const env = { PATH: process.env['PATH'], PSI_CONFIG: join(dir, 'config.yaml') };
      return run([...PSI_UNDER_TEST, 'infisical', ...argv], { env, ...(input !== undefined && { input }) });
    };
    const at = (path: string, environment = 'prod'): ReadonlyMap<string, string> => {
      const folder = double.state.projects.get(PROJECT)?.environments.get(environment)?.folders.get(path);
      return new Map([...(folder?.secrets.values() ?? [])].map(({ key, value }) => [key, value]));
    };

    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'psi-tools-'));
      double = await startDouble(generation);
      await writeToolsConfig({ dir, apiUrl: double.url, credentials: CREDENTIALS, project: PROJECT });
    });
    after(async () => {
      await double.close();
      await rm(dir, { recursive: true, force: true, maxRetries: 10 });
    });

    test('import, then env in a shell: a thousand secrets come back byte for byte, or are refused by name', async () => {
      const secrets = generatedSecrets();
      await writeFile(join(dir, 'generated.env'), asEnvFile(secrets));
      const where = ['--project', 'p', '--path', '/round/trip'];
      const imported = await psi(['import', 'env-file', join(dir, 'generated.env'), ...where, '--json']);
      const report = answerOf(imported.stdout) as ImportReport;
      const results = new Map<string | null, KeyResult>(report.results.map((result) => [result.key, result]));
      assert.equal(report.failure, null);
      // A line that a reader takes for a part of the refused one before it goes with that one.
      const within = secrets.filter(({ key }) => !results.has(key));
      const upTo = [...results.values()].filter(({ reason }) => reason?.includes('nothing up to line'));
      assert.ok(within.length <= Math.min(upTo.length, COUNT / 100), `${String(within.length)} are not named`);
      const stored = at('/round/trip');
      for (const { key, value } of secrets) {
        const result = results.get(key);
        if (within.some((other) => other.key === key)) {
          assert.ok(!stored.has(key), key);
          continue;
        }
        if (result?.outcome === 'created') assert.equal(stored.get(key), value, key);
        else assert.ok(result?.outcome === 'refused' && result.reason !== null && !stored.has(key), key);
      }
      assert.ok(stored.size > COUNT / 2, `${String(stored.size)} stored`);
      assert.equal(imported.code, 1);

      const exported = await psi(['env', ...where]);
      const leftOut = new Set([...exported.stderr.matchAll(/^left out: (\S+): /gm)].map(([, key]) => key));
      const keys = [...stored.keys()].filter((key) => !leftOut.has(key));
      await writeFile(join(dir, 'exported.sh'), exported.stdout);
      const script = `eval "$(cat "$1")"; shift; for name; do eval "printf '%s=%s\\\\0' \\"$name\\" \\"\\$$name\\""; done`;
      const shown = await run(['sh', '-c', script, 'sh', join(dir, 'exported.sh'), ...keys], {
        env: { PATH: process.env['PATH'] },
      });
      assert.equal(shown.stderr, '');
      assert.deepEqual(
        shown.stdout.split('\0').slice(0, -1).sort(),
        keys.map((key) => `${key}=${stored.get(key) ?? ''}`).sort(),
      );
      for (const key of leftOut) assert.match(key ?? '', /[.-]/);

      const json = await psi(['env', ...where, '--format', 'json']);
      assert.deepEqual(new Map(Object.entries(JSON.parse(json.stdout) as Record<string, string>)), stored);
      assert.equal(json.code, 0);
    });

    if (generation === 'v4') {
      test('the official client sees what import wrote', async () => {
        const imported = await psi(
          ['import', 'env-file', '-', '--project', 'p', '--path', '/sdk'],
          'A=1\nMULTI="two\nlines"\nEMPTY=\n',
        );
        assert.equal(imported.code, 0, imported.stderr);
        const sdk = new InfisicalSDK({ siteUrl: double.url });
        const client = await sdk.auth().universalAuth.login(CREDENTIALS);
        const where = { projectId: PROJECT, environment: 'prod', secretPath: '/sdk' };
        const { secrets } = await client.secrets().listSecrets(where);
        assert.deepEqual(Object.fromEntries(secrets.map(({ secretKey, secretValue }) => [secretKey, secretValue])), {
          A: '1',
          MULTI: 'two\nlines',
          EMPTY: '',
        });
      });
    }

    test('import from standard input: conflicts end it, skip leaves them, overwrite replaces them, a dry run does nothing', async () => {
      const where = ['--project', 'p', '--path', '/app'];
      const go = (text: string, ...flags: readonly string[]): Promise<RunResult> =>
        psi(['import', 'env-file', '-', ...where, ...flags], text);
      const dry = await go('A=1\n', '--dry-run');
      assert.deepEqual([dry.code, dry.stdout], [0, 'would create A (stdin:1)\np:/app: 1 would create\n']);
      assert.equal(at('/app').size, 0);
      assert.equal((await go('A=1\nB=2\n')).code, 0);
      const conflict = await go('B=3\nC=4\n');
      assert.equal(conflict.code, 73);
      assert.match(conflict.stderr, /^not written: C \(stdin:2\)$/m);
      assert.match(
        conflict.stderr,
        /^error: a key of the import is in p:\/app already; nothing was written\nhint: .*--conflict skip/m,
      );
      assert.equal((await go('B=3\nC=4\n', '--conflict', 'skip')).code, 0);
      assert.deepEqual(Object.fromEntries(at('/app')), { A: '1', B: '2', C: '4' });
      const over = await go('B=3\n', '--conflict', 'overwrite');
      assert.equal(over.stdout, 'overwritten B (stdin:1)\np:/app: 1 overwritten\n');
      assert.equal(at('/app').get('B'), '3');
    });

    test('write-file writes the bytes, with mode and owner', async () => {
      const secret = { project: PROJECT, environment: 'prod', path: '/files' };
      double.state.setSecret({ ...secret, key: 'PEM', value: 'line 1\nline 2\n' });
      double.state.setSecret({ ...secret, key: 'BLOB', value: Buffer.from([0, 255, 10, 13]).toString('base64') });
      const where = ['--project', 'p', '--path', '/files'];
      const out = join(dir, 'out');
      const first = await psi(['write-file', 'PEM', out, ...where, '--mode', '0640']);
      assert.deepEqual([first.code, first.stdout], [0, `wrote ${out} (14 bytes)\n`]);
      assert.equal(await readFile(out, 'utf8'), 'line 1\nline 2\n');
      assert.equal((await stat(out)).mode & 0o777, 0o640);
      const uid = process.getuid?.() ?? 0;
      const blob = await psi([
        'write-file',
        'BLOB',
        out,
        ...where,
        '--base64',
        '--owner',
        `${String(uid)}:${String(process.getgid?.() ?? 0)}`,
      ]);
      assert.equal(blob.code, 0, blob.stderr);
      assert.deepEqual([...(await readFile(out))], [0, 255, 10, 13]);
      assert.equal((await stat(out)).mode & 0o777, 0o600);
    });

    // What no server has a part in is looked at once.
    if (generation !== 'v4') return;

    test('import refuses by line and by name without a word of a value, and writes the rest', async () => {
      const text = 'GOOD=fine\ncanary-stray\nTRIM=" canary-value "\nHASH=canary#1\n';
      const { code, stdout, stderr } = await psi(
        ['import', 'env-file', '-', '--project', 'p', '--path', '/refused'],
        text,
      );
      assert.equal(code, 1);
      assert.match(stderr, /^refused: GOOD \(stdin:1\): the line behind it is not KEY=VALUE/m);
      assert.match(stderr, /^refused: stdin:2: /m);
      assert.match(stderr, /^refused: TRIM \(stdin:3\): infisical cuts white space/m);
      assert.match(stderr, /^refused: HASH \(stdin:4\): /m);
      assert.ok(!`${stdout}${stderr}`.includes('canary'));
    });

    test('a change request is no success', async () => {
      double.knobs.set({ approvals: true });
      const { code, stdout } = await psi(['import', 'env-file', '-', '--project', 'p', '--path', '/held'], 'A=1\n');
      double.knobs.reset();
      assert.equal(code, 75);
      assert.match(stdout, /^approval requested A \(stdin:1\): it waits for approval in infisical: change request \S+/);
    });

    test('--environment is another environment of the same project', async () => {
      const where = ['--project', 'p', '--path', '/app', '--environment', 'staging'];
      assert.equal((await psi(['import', 'env-file', '-', ...where], 'A=staged\n')).code, 0);
      assert.equal(at('/app', 'staging').get('A'), 'staged');
      assert.equal((await psi(['env', ...where])).stdout, "export A='staged'\n");
    });

    test('env prints what a format carries, names the rest, and exits with 1', async () => {
      double.state.setSecret({ project: PROJECT, environment: 'prod', path: '/mixed', key: 'OK', value: 'a "b"' });
      double.state.setSecret({
        project: PROJECT,
        environment: 'prod',
        path: '/mixed',
        key: 'PEM',
        value: 'canary-1\n2\n',
      });
      const where = ['--project', 'p', '--path', '/mixed', '--format', 'env'];
      const both = await psi(['env', ...where]);
      assert.deepEqual([both.code, both.stdout], [1, 'OK=a "b"\n']);
      assert.match(both.stderr, /^left out: PEM: podman run --env-file: .*\nhint: `--for systemd` prints it/m);
      assert.ok(!both.stderr.includes('canary'));
      const systemd = await psi(['env', ...where, '--for', 'systemd']);
      assert.deepEqual([systemd.code, systemd.stdout], [0, 'OK="a \\"b\\""\nPEM="canary-1\n2\n"\n']);
    });

    test('write-file leaves the file as it was where anything is wrong', async () => {
      const out = join(dir, 'kept');
      await writeFile(out, 'before');
      double.state.setSecret({
        project: PROJECT,
        environment: 'prod',
        path: '/files',
        key: 'TEXT',
        value: 'canary not base64!',
      });
      const where = ['--project', 'p', '--path', '/files'];
      for (const [argv, code] of [
        [['TEXT', out, ...where, '--base64'], 65],
        [['NOPE', out, ...where], 66],
        [['TEXT', out, ...where, '--owner', 'no-such-user-here'], 64],
        [['TEXT', join(dir, 'no/folder'), ...where], 74],
        [['TEXT', dir, ...where], 64],
        [['TEXT', out, '--project', 'unknown'], 66],
        [['TEXT', out, ...where, '--mode', '9'], 64],
      ] as const) {
        const result = await psi(['write-file', ...argv]);
        assert.equal(result.code, code, result.stderr);
        assert.match(result.stderr, /^error: [^]*^hint: /m);
        assert.ok(!result.stderr.includes('canary'));
      }
      assert.equal(await readFile(out, 'utf8'), 'before');
    });

    test('--path takes what the config takes, and refuses what no server takes before it asks one', async () => {
      double.state.setSecret({ project: PROJECT, environment: 'prod', path: '/rule', key: 'A', value: '1' });
      for (const path of ['/rule', 'rule', '//rule', '/rule/', 'rule//']) {
        const { code, stdout } = await psi(['env', '--project', 'p', '--path', path]);
        assert.deepEqual([code, stdout], [0, "export A='1'\n"], path);
      }
      double.clearCalls();
      for (const [path, message, hint] of [
        ['/bad folder', /letters, digits, dashes and underscores .*"bad folder"/, /renamed there/],
        ['/a.b', /"a\.b"/, /renamed there/],
        ['/rule ', /"rule "/, /did you mean \/rule\?/],
        ['/rule/../app', /`\.` or `\.\.`/, /did you mean \/app\?/],
        ['/rule\n', /control character/, /did you mean \/rule\?/],
        ['', /empty/, /did you mean \/\?/],
      ] as const) {
        const others =
          path === '/bad folder'
            ? [
                ['write-file', 'A', join(dir, 'never')],
                ['import', 'env-file', '-'],
              ]
            : [];
        for (const command of [['env'], ...others]) {
          const { code, stderr } = await psi([...command, '--project', 'p', '--path', path], '');
          const [said = '', next = '', ...more] = stderr.trimEnd().split('\n');
          assert.deepEqual([code, more], [64, []], stderr);
          assert.match(said, message);
          assert.match(next, /^hint: /);
          assert.match(next, hint);
        }
      }
      assert.deepEqual(double.calls, []);
    });

    test('with nobody there it says so, prints nothing, and exits with 69', async () => {
      await double.refuseConnections();
      try {
        const { code, stdout, stderr } = await psi(['env', '--project', 'p', '--path', '/app']);
        assert.deepEqual([code, stdout], [69, '']);
        assert.match(stderr, /^error: nobody listens for infisical/);
      } finally {
        await double.acceptConnections();
      }
    });
  });
}

// What may be read, and what is said of the rest, differs from server to server.
for (const generation of Object.keys(GENERATIONS) as readonly Generation[]) {
  describe(`psi infisical env and write-file where not all may be read, generation ${generation}`, () => {
    let dir: string;
    let double: InfisicalDouble;
    const PROD = { project: PROJECT, environment: 'prod' } as const;
    const psi = (...argv: readonly string[]): Promise<RunResult> => {
      const env = { PATH: process.env['PATH'], PSI_CONFIG: join(dir, 'config.yaml') };
      return run([...PSI_UNDER_TEST, 'infisical', ...argv], { env });
    };
    const envOf = (path: string, ...flags: readonly string[]): Promise<RunResult> =>
      psi('env', '--project', 'p', '--path', path, ...flags);
    const fill = (path: string, values: Readonly<Record<string, string>>): void => {
      for (const [key, value] of Object.entries(values)) double.state.setSecret({ ...PROD, path, key, value });
    };
    const lock = (path: string, key?: string): void => {
      double.state.deny(CREDENTIALS.clientId, { path, ...(key !== undefined && { key }), actions: ['readValue'] });
    };

    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'psi-env-'));
      double = await startDouble(generation);
      await writeToolsConfig({ dir, apiUrl: double.url, credentials: CREDENTIALS, project: PROJECT });
      fill('/locked', { K: 'canary-locked' });
      lock('/locked');
    });
    after(async () => {
      await double.close();
      await rm(dir, { recursive: true, force: true, maxRetries: 10 });
    });

    test('env is in the order of its names, whatever that of the server', async () => {
      fill('/order', { b: '1', B: '2', A_: '3', A10: '4', A9: '5' });
      const { code, stdout, stderr } = await envOf('/order');
      assert.deepEqual([code, stderr], [0, '']);
      assert.equal(stdout, "export A10='4'\nexport A9='5'\nexport A_='3'\nexport B='2'\nexport b='1'\n");
      const json = await envOf('/order', '--format', 'json');
      assert.equal(json.stdout, '{\n  "A10": "4",\n  "A9": "5",\n  "A_": "3",\n  "B": "2",\n  "b": "1"\n}\n');
    });

    test('a folder in which nothing is seen fails with both causes, unless it is rightly empty', async () => {
      double.state.addFolder({ ...PROD, path: '/empty' });
      const empty = await envOf('/empty');
      assert.deepEqual([empty.code, empty.stdout], [66, '']);
      assert.match(empty.stderr, /^error: no secret seen in p:\/empty \(environment prod\): path or rights\?\nhint: /);
      assert.match(empty.stderr, /spelt so in environment prod .* right to describe and read .*--allow-empty/);
      const allowed = await envOf('/empty', '--allow-empty', '--format', 'json');
      assert.deepEqual([allowed.code, allowed.stdout, allowed.stderr], [0, '{}\n', '']);
      const misspelt = await envOf('/emtpy');
      assert.deepEqual([misspelt.code, misspelt.stdout], [66, '']);
      assert.match(misspelt.stderr, /^error: .*\/emtpy.*environment prod.*\nhint: /);
    });

    test('one hidden value keeps none of the others back', async () => {
      fill('/hidden', { OPEN: 'o', SHUT: 'canary-shut', WIDE: 'w' });
      lock('/hidden', 'SHUT');
      const { code, stdout, stderr } = await envOf('/hidden');
      assert.ok(!`${stdout}${stderr}`.includes('canary'));
      if (generation === '2024') {
        // It knows no right to see a secret without its value: not even the names are listed.
        assert.deepEqual([code, stdout], [77, '']);
        return;
      }
      assert.deepEqual([code, stdout], [1, "export OPEN='o'\nexport WIDE='w'\n"]);
      assert.match(stderr, /^left out: SHUT: infisical hides its value\nhint: .*Read Value.*\n$/);
      const json = await envOf('/hidden', '--format', 'json');
      assert.deepEqual([json.code, JSON.parse(json.stdout)], [1, { OPEN: 'o', WIDE: 'w' }]);
    });

    test('a reference that was refused is left out by name, and never printed; one to nothing is printed and noted', async () => {
      fill('/refs', { A: '${prod.locked.K}', B: 'pa${NOPE}ss', C: 'plain', D: '${C}' });
      const { code, stdout, stderr } = await envOf('/refs');
      assert.ok(!`${stdout}${stderr}`.includes('canary'));
      assert.deepEqual([code, stdout], [1, "export B='pa${NOPE}ss'\nexport C='plain'\nexport D='plain'\n"]);
      assert.match(stderr, /^left out: A: infisical refuses to read A in p:\/refs .*refer.*\nhint: /m);
      assert.match(stderr, /^note: B: its value holds a reference that leads nowhere/m);
      assert.doesNotMatch(stderr, /\b[CD]:/);
    });

    test('an imported secret that is hidden is named, where the server has a word for it', async () => {
      fill('/importing', { OWN: 'o' });
      double.state.addImport({ ...PROD, path: '/importing', fromEnvironment: 'prod', fromPath: '/locked' });
      const { code, stdout, stderr } = await envOf('/importing');
      assert.equal(stdout, "export OWN='o'\n");
      if (generation === '2024') return;
      assert.equal(code, 1);
      assert.match(stderr, /^left out: K: infisical hides its value\nhint: .*imported from/);
    });

    test('write-file writes nothing of what is hidden, refused or not there, and says which', async () => {
      fill('/single', { REFERS: '${prod.locked.K}', TEXT: 'x${NOPE}' });
      const out = join(dir, 'out');
      for (const [key, path, status, message] of [
        ['K', '/locked', 77, /^error: infisical (?:hides the value of|refuses to read) K in p:\/locked /],
        ['REFERS', '/single', 77, /^error: infisical refuses to read REFERS in p:\/single .*refer/],
        [
          'NOPE',
          '/single',
          66,
          /^error: infisical has no secret NOPE in p:\/single [^]*hint: check the name, `--path`/,
        ],
        ['K', '/emtpy', 66, /^error: infisical has no .*\/emtpy[^]*hint: /],
      ] as const) {
        const { code, stderr } = await psi('write-file', key, out, '--project', 'p', '--path', path);
        assert.equal(code, status, stderr);
        assert.match(stderr, message);
        await assert.rejects(stat(out), { code: 'ENOENT' });
      }
      const text = await psi('write-file', 'TEXT', out, '--project', 'p', '--path', '/single');
      assert.equal(text.code, 0, text.stderr);
      assert.equal(await readFile(out, 'utf8'), 'x${NOPE}');
      assert.match(text.stderr, /^note: TEXT: its value holds a reference that leads nowhere/);
    });

    test('a limit is waited out, and the wait is said', async () => {
      fill('/limited', { A: '1' });
      const body = { statusCode: 429, error: 'RateLimitExceeded', message: 'Rate limit exceeded' };
      const limit = { status: 429, headers: { 'retry-after': '2' }, body, only: ['list', 'get'] } as const;
      double.knobs.failNext(1, limit);
      const { code, stdout, stderr } = await envOf('/limited');
      assert.deepEqual([code, stdout], [0, "export A='1'\n"]);
      assert.match(stderr, /^infisical limits requests \(429\).*; going on in 2 s\n$/);
      double.knobs.failNext(1, limit);
      const out = join(dir, 'limited');
      const file = await psi('write-file', 'A', out, '--project', 'p', '--path', '/limited');
      assert.equal(file.code, 0, file.stderr);
      assert.match(file.stderr, /^infisical limits requests \(429\).*; going on in 2 s\n$/);
    });

    test('names of the server turn no line round and end none', async () => {
      fill('/names', { A: '1', 'B\u202eC\u001b[2J\nerror: forged': 'x' });
      const { code, stdout, stderr } = await envOf('/names');
      assert.deepEqual([code, stdout], [1, "export A='1'\n"]);
      assert.match(stderr, /^left out: B\\u202eC\\u001b\[2J\\nerror: forged: its name .*\nhint: .*\n$/);
      const json = await envOf('/names', '--format', 'json');
      assert.match(json.stdout, /^[\x20-\x7e\n]+$/);
      assert.deepEqual(JSON.parse(json.stdout), { A: '1', 'B\u202eC\u001b[2J\nerror: forged': 'x' });
    });
  });
}

function startDouble(generation: Generation): Promise<InfisicalDouble> {
  return startInfisicalDouble({
    generation,
    seed: {
      identities: [CREDENTIALS],
      projects: [{ id: PROJECT, slug: 'the-tools', environments: ['prod', 'staging'] }],
    },
  });
}
