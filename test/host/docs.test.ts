// README and docs word for word: a host from its install to its end, by the blocks of the pages. What a stage is and which blocks there
// are: test/hosts/doc-stages.ts and test/unit/docs/blocks.test.ts.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { commandsOf, docBlocks, docText, scriptOf } from '../hosts/doc-blocks.ts';
import { DOC_STAGES } from '../hosts/doc-stages.ts';
import { imageStore, PSI_IMAGE } from '../hosts/image.ts';
import { startHost, type Host } from '../hosts/nspawn.ts';
import type { RunResult } from '../hosts/run.ts';
import { steps } from '../hosts/steps.ts';
import { CREDENTIALS, PROJECT, psiHostSupport, sleeper } from './psi-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const PROFILE = '3d2a9c11-0000-4000-8000-000000000000';
const TPM = '/run/psi/tpm';

/** What stands in the pages for something of the reader's own, and what this host has in its place. */
const PLACEHOLDERS: readonly (readonly [text: string, here: string])[] = [
  ['https://app.infisical.com', 'http://127.0.0.1:8099'],
  ['6a1f…', CREDENTIALS.clientId],
  ['0b4c…', PROJECT],
  ['project: myproject', 'project: main'],
  // systemd sees no TPM in a container, and nobody sits at its terminal.
  ['--with-key=tpm2', '--with-key=host'],
  ['systemd-ask-password -n', 'printf 648219'],
  ['[systemctl, reload, nginx.service]', '[systemctl, daemon-reload]'],
  ['AutoUpdate=registry', 'AutoUpdate=local'],
];
const here = (text: string): string =>
  PLACEHOLDERS.reduce((filled, [there, own]) => filled.replaceAll(there, own), text);

const SEED = {
  identities: [CREDENTIALS],
  projects: [{ id: PROJECT, slug: 'host', environments: ['prod'] }],
  profiles: [{ id: PROFILE, project: PROJECT }],
  values: { [PROJECT]: { prod: { '/myapp': { DB_HOST: 'db.internal' }, '/tls': { TLS_KEY: 'a key' } } } },
};

/** What `psi.container.d` holds is the operator's and stays. */
const UNITS = 'ls -d /etc/containers/systemd/psi.container /etc/systemd/system/psi* /usr/local/bin/psi || :';

type Config = Record<string, unknown> & {
  readonly providers: { readonly infisical: Record<string, unknown> };
};

const blocks = await docBlocks();
const followed = new Set<string>();
let host: Host;

before(async () => {
  if (!support.ok) return;
  host = await startHost({
    imageStore: await imageStore(),
    files: { '/root/seed.json': { content: JSON.stringify(SEED), mode: 0o600 } },
  });
  await host.startNode({
    unit: 'infisical-double',
    script: 'test/doubles/infisical/main.ts',
    env: { HOST: '127.0.0.1', PORT: '8099', SEED: '/root/seed.json' },
  });
  await buildImage(PSI_IMAGE, 1);
});
after(async () => {
  if (support.ok) await host.stop();
});

/** What `podman build -t localhost/psi:latest .` makes, again and again another one. */
async function buildImage(from: string, build: number): Promise<void> {
  const file = `FROM ${from}\nLABEL build=${String(build)}\n`;
  const command = 'podman build --quiet --isolation=chroot --network=host -t localhost/psi:latest -f - /var/empty';
  await host.ok(`mkdir -p /var/empty && ${command}`, { input: file });
}

type Reader = {
  /** Exit statuses other than 0, by command. */
  readonly statuses?: Readonly<Record<string, number>>;
  /** What the reader types. */
  readonly input?: string;
  readonly cwd?: string;
  /** A block that the page has run before, in the same shell. */
  readonly earlier?: string;
};

/** Runs the block of that name, command by command. */
async function follow(name: string, reader: Reader = {}): Promise<RunResult> {
  followed.add(name);
  const texts = [...(reader.earlier === undefined ? [] : [reader.earlier]), name].map(textOf);
  const statusOf = (command: string): number => reader.statuses?.[command.replace(/ +# .*$/, '')] ?? 0;
  const script = scriptOf(texts.flatMap(commandsOf), statusOf);
  const result = await host.run(['sh', '-c', `cd ${reader.cwd ?? '/root'}\n${script}`], { input: reader.input ?? '' });
  assert.equal(result.code, 0, `${name}: ${result.stderr}\n${result.stdout}`);
  return result;
}

function textOf(name: string): string {
  const block = blocks.find(({ run }) => run === name) ?? assert.fail(`no block is marked run: ${name}`);
  return here(block.text);
}

/** The first block of a page in that language which has these words. */
async function shown(page: string, language: string, words: string): Promise<string> {
  const all = [...(await docText(page)).matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g'))];
  const text = all.map(([, body = '']) => body).find((body) => body.includes(words));
  return here(text ?? assert.fail(`${page} shows nothing with ${words}`));
}

let config: Config;
async function configure(more: Readonly<Record<string, unknown>>, provider: object = {}): Promise<void> {
  config = { ...config, ...more, providers: { infisical: { ...config.providers.infisical, ...provider } } };
  await host.write('/etc/psi/config.yaml', stringify(config), 0o600);
}

const valueOf = async (variable: string): Promise<string> =>
  (await host.ok(`podman exec systemd-myapp sh -c 'echo "$${variable}"'`)).trim();
const started = async (variable: string): Promise<string> => {
  await host.ok('systemctl restart myapp.service');
  return valueOf(variable);
};

test('a host goes by the pages from its install to its end', options, async (t) => {
  await steps(t, {
    'README: config, credential, units': async () => {
      config = parse(await shown('README.md', 'yaml', 'providers:')) as Config;
      await configure({});
      await follow('credential', { input: CREDENTIALS.clientSecret });
      await follow('install');
    },
    'what the host has comes into Infisical': async () => {
      await follow('login');
      await host.write('/root/myapp.env', "GREETING='hello'\n");
      await follow('import-env');
      await host.ok('printf theirs | podman secret create db-password -');
      await follow('import-secrets');
      await host.write('/etc/containers/systemd/myapp.container', sleeper('Environment=COLOR=blue'));
      await follow('import-quadlet');
    },
    'README: setup and start': async () => {
      await follow('first-setup', { statuses: { 'psi setup --dry-run': 3 } });
      for (const [key, value] of [
        ['DB_HOST', 'db.internal'],
        ['GREETING', 'hello'],
        ['DB_PASSWORD', 'theirs'],
        ['COLOR', 'blue'],
      ] as const) {
        assert.equal(await valueOf(key), value);
      }
      const { stdout } = await follow('by-hand-reading');
      assert.match(stdout, /"DB_HOST": ?"db\.internal"/);
      assert.equal(await host.read('/run/psi/tls.key'), 'a key');
    },
    'the cache on a TPM, and what another backend needs': async () => {
      await startTpm();
      const tpm = { tcti: `swtpm:path=${TPM}/s` };
      await configure({ cache: { tpm } });
      await host.ok('systemctl restart psi.service');
      await follow('cache-run');
      await follow('cache-try');
      await configure({ cache: { enabled: true, backend: 'tpm', tpm } });
      await follow('cache-on', { earlier: 'cache-run' });
      await follow('cache-loosen');
      await follow('cache-lost');
      await follow('hsm-pin');
      // With it as the backend: test/host/cache-credential.test.ts.
      await follow('cache-credential');
      await host.ok('systemd-creds decrypt /etc/credstore.encrypted/psi-cache-key - | wc -c | grep -qx 32');
    },
    certificates: async () => {
      const page = parse(await shown('docs/infisical-provider.md', 'yaml', 'profile_id')) as Config;
      await configure({}, { tls: page.providers.infisical['tls'] });
      await follow('certificates', { earlier: 'cache-run' });
      await host.ok('openssl x509 -in /etc/pki/web/web.pem -noout -checkend 3600');
    },
    'an update by hand, units that are older than the image, and an update by itself': async () => {
      await host.ok('sed -i s/PSI_UNITS=[0-9]*/PSI_UNITS=1/ /etc/containers/systemd/psi.container');
      await host.ok('systemctl daemon-reload');
      const updated = await follow('upgrade');
      assert.match(updated.stdout, /the units of this host are older than the image: revision 1 of/);
      const { stdout } = await follow('upgrade-units');
      assert.doesNotMatch(stdout, /older than the image/);
      await autoUpdate();
    },
    'a workload goes, and the host is left': async () => {
      await host.ok('systemctl stop myapp.service && rm /etc/containers/systemd/myapp.container');
      await configure({ workloads: {} });
      await follow('prune', { statuses: { 'podman exec psi psi prune': 3 } });
      await follow('leave', { statuses: { 'psi uninstall': 3 } });
      assert.equal(await host.ok(UNITS), '');
    },
    'README: the units of the tree, copied by hand': async () => {
      config = parse(await shown('README.md', 'yaml', 'providers:')) as Config;
      await configure({});
      await host.write('/etc/containers/systemd/myapp.container', sleeper());
      await follow('by-hand', { cwd: host.tree });
      await host.ok('podman exec psi psi setup');
      assert.equal(await started('DB_HOST'), 'db.internal');
    },
    'README: a psi.service that does not start': async () => {
      await host.ok('podman untag localhost/psi:latest');
      const restarted = await host.run('systemctl restart psi.service');
      assert.notEqual(restarted.code, 0);
      const { stdout } = await follow('no-start', {
        statuses: {
          'systemctl status --no-pager psi.socket psi.service': 3,
          'podman image exists localhost/psi:latest': 1,
        },
      });
      assert.match(stdout, /initializing source docker:\/\/localhost\/psi:latest/);
      await buildImage(PSI_IMAGE, 1);
      await host.ok('systemctl restart psi.service');
    },
    'and it is left without the command of the host': async () => {
      await host.ok('systemctl stop myapp.service');
      await follow('uninstall', { statuses: { '$run uninstall': 3 } });
      assert.equal(await host.ok(UNITS), '');
    },
    'every block that is marked for this test was followed': async () => {
      const own = Object.entries(DOC_STAGES).filter(([, path]) => path === 'test/host/docs.test.ts');
      assert.deepEqual([...followed].sort(), own.map(([name]) => name).sort());
      await Promise.resolve();
    },
  });
});

async function startTpm(): Promise<void> {
  await host.ok(`mkdir -p -m 0700 ${TPM} /var/lib/swtpm`);
  await host.ok(
    `systemd-run --quiet --unit=swtpm swtpm socket --tpm2 --tpmstate dir=/var/lib/swtpm ` +
      `--server type=unixio,path=${TPM}/s --ctrl type=unixio,path=${TPM}/s.ctrl --flags not-need-init,startup-clear`,
  );
  await host.until(`test -S ${TPM}/s.ctrl`);
}

/** Containers start all the while: none goes without its secret. */
async function autoUpdate(): Promise<void> {
  const file = '/etc/containers/systemd/psi.container.d/auto-update.conf';
  await host.write(file, await shown('docs/upgrade.md', 'ini', 'AutoUpdate='));
  await follow('auto-update-on');
  await buildImage('localhost/psi:latest', 2);
  const start = 'podman run --rm --network=none --secret myapp--DB_HOST,type=env,target=DB_HOST';
  const loop = `while [ ! -e /run/enough ]; do ${start} ${host.image} sh -c 'echo "$DB_HOST"' || echo failed; done >/root/starts 2>&1`;
  await host.ok(['systemd-run', '--quiet', '--unit=starts', 'sh', '-c', loop]);
  // Hosts of tests have no timers of others.
  await host.ok('systemctl unmask podman-auto-update.timer');
  const { stdout } = await follow('auto-update');
  await host.ok('touch /run/enough');
  await host.until('! systemctl is-active --quiet starts.service');
  assert.match(stdout, /psi\.service .*\blocal +pending[^]*psi\.service .*\blocal +true/);
  const seen = (await host.read('/root/starts')).trim().split('\n');
  assert.ok(seen.length > 3, String(seen.length));
  assert.deepEqual([...new Set(seen)], ['db.internal']);
}
