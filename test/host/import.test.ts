// From Podman's own secrets and a quadlet full of variables to PSI: after import, setup and restart the container has the same environment.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { answerOf } from '../hosts/answer.ts';
import { PROJECT, onEachRoot, sleeper, startPsiHost, type PsiHost, type PsiHostOptions } from './psi-host.ts';
import { steps } from '../hosts/steps.ts';

const UNIT = '/etc/containers/systemd/legacy.container';
const DROP_IN = `${UNIT}.d/60-more.conf`;
const STAYS = [
  '# what a person wrote stays',
  'HostName=legacy',
  'Environment="BLANKS= cut by infisical " LANG_FROM=%H',
  'Label=owner=ops',
];
const GOES = [
  'Environment=PLAIN=1 "QUOTED=two words" \'SINGLE=it"s\'',
  'Environment="ESCAPES=tab\\there\\nline" EMPTY= PERCENT=100%% DOLLAR=a$$b$HOME UNIT=%n-%p',
  'Environment=LONG=begin \\',
  '# a remark between the lines',
  '  "OTHER=ünïcode 🔑"',
  'Environment=SHADOWED=first',
  'EnvironmentFile=./legacy.env',
  'EnvironmentFile=/srv/legacy/far.env',
  'Secret=legacy-token,type=env,target=TOKEN',
  'Secret=BARE,type=env',
];
const NEAR = '# a comment\nFROM_FILE="quotes stay" # and this\nSHADOWED=file\n\nexported=$HOME \\n\n';
const FAR = 'FAR=from far away\nPLAIN=loses\n';
const SECRETS = { 'legacy-token': 'canary-token\nen "$x" `y` \\', BARE: 'bare secret', unused: 'nobody asks' };
const VALUES = ['two words', 'canary-token', 'bare secret', 'from far away', 'quotes stay', 'from a drop-in'];

await onEachRoot(({ suite, supported, options }) => {
  let stage: PsiHost;
  let setup: PsiHostOptions;
  let environment: ReadonlyMap<string, string>;

  before(async () => {
    if (!supported) return;
    setup = {
      suite,
      folders: { '/other': { A: 'b' } },
      // A value that is changed between two starts arrives at the second, however soon that comes.
      config: { lookup: { batch_window: '0s' } },
      workloads: {},
      quadlets: { 'legacy.container': sleeper(...STAYS, ...GOES) },
      prepare: async (host) => {
        await host.ok(`mkdir -p ${DROP_IN.replace(/\/[^/]*$/, '')} /srv/legacy`);
        await host.write(
          DROP_IN,
          '[Container]\nEnvironment=SHADOWED=last\nEnvironment="DROPPED=from a drop-in"\n',
          0o644,
        );
        await host.write('/etc/containers/systemd/legacy.env', NEAR, 0o600);
        await host.write('/srv/legacy/far.env', FAR, 0o600);
        for (const [name, value] of Object.entries(SECRETS)) {
          await host.ok(['podman', 'secret', 'create', '--driver', 'file', name, '-'], { input: value });
        }
        await host.ok(['podman', 'secret', 'create', '--driver', 'file', 'binary', '-'], {
          input: Buffer.of(0xff, 0x00),
        });
        await host.ok('systemctl daemon-reload && systemctl start legacy.service');
      },
    };
    stage = await startPsiHost(setup);
    environment = await stage.environ('systemd-legacy');
  });
  after(async () => {
    if (supported) await stage.stop();
  });

  const stored = async (path: string): Promise<Readonly<Record<string, string>>> => {
    const { stdout } = await stage.psi('infisical', 'env', '--project', 'main', '--path', path, '--format', 'json');
    return JSON.parse(stdout) as Record<string, string>;
  };

  test('podman’s own secrets are imported byte for byte, and what is no text is refused by name', options, async () => {
    const place = ['--project', 'main', '--path', '/podman'];
    const all = await stage.psi('infisical', 'import', 'podman-secret', '--all', ...place);
    assert.equal(all.code, 1, all.stderr);
    assert.match(all.stderr, /refused: binary \(podman secret binary\): the value is not valid UTF-8/);
    assert.deepEqual(await stored('/podman'), SECRETS);
    const named = ['--name', 'legacy-token', '--key', 'legacy-token=OTHER_NAME'];
    assert.equal((await stage.psi('infisical', 'import', 'podman-secret', ...named, ...place)).code, 0);
    assert.equal((await stored('/podman'))['OTHER_NAME'], SECRETS['legacy-token']);
  });

  const IMPORT = ['infisical', 'import', 'quadlet', 'legacy.container', '--project', 'main', '--path', '/legacy'];

  test('a quadlet becomes one of PSI, and its container has the same environment as before', options, async (t) => {
    let elsewhere = '';
    let printed = '';
    await steps(t, {
      'an env file that the container of psi cannot see stops the import and names the command that can': async () => {
        const { code, stderr } = await stage.psi(...IMPORT, '--resolve-secrets', '--rewrite');
        assert.equal(code, 66, stderr);
        assert.match(
          stderr,
          /^error: \/etc\/containers\/systemd\/legacy\.container:\d+: there is no \/srv\/legacy\/far\.env/m,
        );
        elsewhere = /on the host: (podman run .*)$/m.exec(stderr)?.[1] ?? '';
        assert.match(elsewhere, /-v \/srv\/legacy\/far\.env:\/srv\/legacy\/far\.env:ro .*--resolve-secrets --rewrite$/);
        assert.equal((await stage.psi('infisical', 'env', '--project', 'main', '--path', '/legacy')).code, 66);
      },
      'that command imports and rewrites; what cannot be kept as it is stays in the quadlet': async () => {
        const { code, stdout, stderr } = await stage.host.run(elsewhere);
        assert.equal(code, 1, stderr);
        assert.match(stderr, /refused: BLANKS \(.*legacy\.container:\d+\)/);
        assert.match(stderr, /refused: LANG_FROM \(.*\): psi cannot tell what systemd makes of %H/);
        for (const value of VALUES) assert.ok(!(stdout + stderr).includes(value), value);
        printed = stdout;
        const kept = [...STAYS, '# a remark between the lines'];
        assert.equal(await stage.host.ok(['cat', UNIT]), sleeper(...kept));
        assert.equal(await stage.host.ok(['cat', DROP_IN]), '[Container]\n');
        assert.equal(await stage.host.ok(['cat', `${UNIT}.bak`]), sleeper(...STAYS, ...GOES));
        assert.equal((await stage.host.ok(['stat', '-c', '%a', `${UNIT}.bak`])).trim(), '600');
      },
      'with the config it prints, setup and a restart, the container has the same environment': async () => {
        const [, snippet = ''] = /^next: put this into the config:\n((?: {4}.*\n)+)/m.exec(printed) ?? [];
        const { workloads } = parse(snippet.replaceAll(/^ {4}/gm, '')) as { workloads: Record<string, unknown> };
        assert.deepEqual(workloads, { legacy: { secrets: [{ project: 'main', path: '/legacy' }] } });
        await stage.writeConfig({ ...setup, workloads });
        const commands = [...printed.matchAll(/^next: ((?:podman|systemctl) .*)$/gm)].map(
          ([, command = '']) => command,
        );
        assert.deepEqual(commands, [
          'podman exec psi psi setup',
          'systemctl daemon-reload',
          'systemctl restart legacy.service',
        ]);
        for (const command of commands) await stage.host.ok(command);
        const now = await stage.environ('systemd-legacy');
        assert.deepEqual([...now].sort(), [...environment].sort());
        assert.equal(now.get('ESCAPES'), 'tab\there\nline');
        assert.deepEqual([now.get('DOLLAR'), now.get('UNIT')], ['a$b$HOME', 'legacy.service-legacy']);
        assert.deepEqual([now.get('SHADOWED'), now.get('TOKEN')], ['last', SECRETS['legacy-token']]);
      },
      'the values come from infisical by now: one that is changed there arrives': async () => {
        const place = { project: PROJECT, environment: 'prod', path: '/legacy' };
        await stage.double('PUT', '/secrets', { ...place, key: 'PLAIN', value: 'changed' });
        await stage.host.ok('systemctl restart legacy.service');
        assert.equal((await stage.environ('systemd-legacy')).get('PLAIN'), 'changed');
      },
      'no imported value is left in the quadlet folder but in the backups': async () => {
        const expression = VALUES.join('|');
        const found = await stage.host.run(['grep', '-rlE', expression, '/etc/containers/systemd', '/var/lib/psi']);
        assert.deepEqual(found.stdout.trim().split('\n').sort(), [
          `${UNIT}.bak`,
          `${DROP_IN}.bak`,
          '/etc/containers/systemd/legacy.env',
        ]);
        assert.doesNotMatch(await stage.host.journal(), new RegExp(expression));
      },
      'a second run finds nothing more to do': async () => {
        const { stdout } = await stage.psi(...IMPORT, '--conflict', 'skip', '--rewrite', '--json');
        const report = answerOf(stdout) as { results: { key: string; outcome: string }[]; edits: unknown[] };
        assert.deepEqual(report.results.map(({ key, outcome }) => [key, outcome]).sort(), [
          ['BLANKS', 'refused'],
          ['LANG_FROM', 'refused'],
        ]);
        assert.deepEqual(report.edits, []);
      },
    });
  });
});
