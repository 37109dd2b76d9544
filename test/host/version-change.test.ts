// A host whose image is changed for one of a later version, and back (docs/upgrade.md, docs/compatibility.md), with a reboot after each:
// every workload starts, with the same secrets, by the same drop-ins. The later version is the same PSI with all its marks raised:
// version, lookup helper, driver commands, units, cache and sealed secrets, names of the secrets.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { driverOptions } from '../../src/registration/driver-command/options.ts';
import { UNITS_REVISION } from '../../src/host/units/revision.ts';
import { ENVELOPE_VERSION } from '../../src/sealing/envelope.ts';
import { COMMANDS } from '../frozen/content.ts';
import { answerOf } from '../hosts/answer.ts';
import { PSI_IMAGE } from '../hosts/image.ts';
import type { Host } from '../hosts/nspawn.ts';
import { steps } from '../hosts/steps.ts';
import { configText, psiHostSupport, sleeper, startPsiHost, type PsiHost, type PsiHostOptions } from './psi-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const CREDENTIALS = '/etc/credstore.encrypted';
const FIRST = 'localhost/psi:first';
const LATER = 'localhost/psi:later';
const BOOTED = ['[Install]', 'WantedBy=multi-user.target'];
const VALUES = { A: 'value a', B: ' of two\nlines ' };
const FILE = 'value of a file';
const SEALED = 'value that this host alone has';

const STAGE: PsiHostOptions = {
  folders: { '/app': VALUES, '/files': { CERT: FILE } },
  workloads: {
    app: { secrets: [{ project: 'main', path: '/app' }] },
    files: { secrets: [{ project: 'main', path: '/files', as: 'mount' }], depends_on: ['psi-infisical-setup.service'] },
  },
  config: { cache: { backend: 'credential' } },
  prepare,
};

/** Below the folder of quadlets. */
const QUADLETS = {
  'app.container': sleeper('Secret=db-password,type=env,target=DB_PASSWORD', ...BOOTED),
  'files.container': sleeper(...BOOTED),
  'psi.container.d/soon.conf': '[Container]\nEnvironment=PSI_REPLACE_AFTER=1s\n',
};

async function prepare(host: Host): Promise<void> {
  for (const [name, text] of Object.entries(QUADLETS)) await host.write(`/etc/containers/systemd/${name}`, text);
  const encrypt = `systemd-creds encrypt --with-key=host --name=psi-cache-key - ${CREDENTIALS}/psi-cache-key`;
  await host.ok(`mkdir -p -m 0700 ${CREDENTIALS} && head -c 32 /dev/urandom | ${encrypt}`);
  const config = parse(configText(STAGE)) as { readonly providers: object };
  const providers = { ...config.providers, sealed: { recovery: 'none' } };
  await host.write('/etc/psi/config.yaml', stringify({ ...config, providers }), 0o600);
  // What startPsiHost starts is gone with a reboot.
  const env = ['HOST=127.0.0.1', 'PORT=8099', 'SEED=/root/seed.json'].map((one) => `Environment=${one}`);
  const start = `ExecStart=${host.node} ${host.tree}/test/doubles/infisical/main.ts`;
  const unit = ['[Service]', ...env, start, ...BOOTED, ''].join('\n');
  await host.write('/etc/systemd/system/infisical-of-boot.service', unit);
  await host.ok('systemctl enable infisical-of-boot.service');
}

let stage: PsiHost;
let host: Host;
let first: Facts;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost(STAGE);
  host = stage.host;
  await host.ok('podman exec -i psi psi sealed store db-password', { input: SEALED });
  await stage.setup();
  await host.ok('systemctl daemon-reload && systemctl start app.service files.service');
  first = await facts();
  await makeLater();
});
after(async () => {
  if (support.ok) await stage.stop();
});

/** Of the driver commands. */
const SHAPE = Number(/x-psi-command: (\d+)/.exec(driverOptions({ ...COMMANDS, headerFile: undefined }).store)?.[1]);
const NAMES_FORMAT = 1;

/** What stands in the program, and the number to raise; each is found in one file, or this is no test of it any more. */
const RAISED: readonly (readonly [before: string, number: number, after: string])[] = [
  ['UNITS_REVISION=', UNITS_REVISION, ''],
  ['COMMAND_HEADER}: ', SHAPE, ''],
  ['ENVELOPE_VERSION=', ENVELOPE_VERSION, ''],
  ['FORMAT=', NAMES_FORMAT, ',MAX_BYTES=64'],
];

async function makeLater(): Promise<void> {
  const { version } = await marks();
  const later = version.replace(
    /^(\d+)\.(\d+)/,
    (_, major: string, minor: string) => `${major}.${String(Number(minor) + 1)}`,
  );
  const edits = RAISED.map(([before, number, after]) => {
    const text = (count: number): string => `${before}${String(count)}${after}`;
    const now = text(number);
    return `set -- $(grep -lF '${now}' "$psi"/dist/*.cjs); [ $# = 1 ] || { echo "${now} is in $# files" >&2; exit 1; }; sed -i 's/${now}/${text(number + 1)}/' "$1"`;
  });
  const script = [
    `podman tag ${PSI_IMAGE} ${FIRST}`,
    `image=$(podman create ${PSI_IMAGE}); root=$(podman mount $image); psi=$root/opt/psi`,
    `sed -i 's/"version": "${version}"/"version": "${later}"/' "$psi/package.json"`,
    `LC_ALL=C sed -i 's/psi-lookup\\([ /]\\)${version}/psi-lookup\\1${later}/' "$psi/dist/helper/psi-lookup" "$root/usr/local/bin/psi-lookup"`,
    ...edits,
    `podman unmount $image >/dev/null; podman commit --quiet $image ${LATER}; podman rm $image`,
  ];
  await host.ok(`set -e\n${script.join('\n')}`);
}

/** What has to be the same whatever the version. */
type Facts = {
  readonly environ: Readonly<Record<string, string | undefined>>;
  readonly file: string;
  readonly sealed: string;
  readonly names: string;
  readonly dropIns: string;
};

async function facts(): Promise<Facts> {
  const environ = await stage.environ('systemd-app');
  return {
    environ: Object.fromEntries([...Object.keys(VALUES), 'DB_PASSWORD'].map((key) => [key, environ.get(key)])),
    file: await host.ok('podman exec systemd-files cat /run/secrets/CERT'),
    sealed: await host.ok('podman exec psi psi sealed export db-password'),
    names: await host.ok(`podman secret ls --format '{{.Name}}' | grep -v ^later- | sort`),
    dropIns: await host.ok('tail -n +1 /etc/containers/systemd/*.container.d/*secrets*.conf'),
  };
}

type Marks = {
  readonly version: string;
  readonly helper: string;
  readonly units: number;
  readonly cache: number;
  readonly names: number;
  /** Of each shape that Podman holds. */
  readonly commands: readonly string[];
};

async function marks(): Promise<Marks> {
  const inspected = await host.ok(
    `podman secret inspect --format '{{index .Spec.Driver.Options "lookup"}}' $(podman secret ls -q)`,
  );
  const names = JSON.parse(await host.read('/var/lib/psi/names.json')) as { readonly format: number };
  return {
    version: (await host.ok('psi --version')).trim().split(' ')[0] ?? '',
    helper: (await host.ok('/usr/local/libexec/psi/psi-lookup --version')).trim(),
    units: Number(/PSI_UNITS=(\d+)/.exec(await host.read('/etc/containers/systemd/psi.container'))?.[1]),
    cache: Number(await host.ok('od -An -t u1 -j 5 -N 1 /var/lib/psi/cache.enc')),
    names: names.format,
    commands: [...new Set(inspected.match(/x-psi-command: \d+/g))],
  };
}

/** `podman build` or `podman pull` give an image its name so. */
const becomes = (image: string): Promise<string> =>
  host.ok(`podman tag ${image} ${PSI_IMAGE} && systemctl restart psi.service`);

async function assertSame(when: string): Promise<void> {
  assert.deepEqual(await facts(), first, when);
  const failed = await host.ok('systemctl --failed --no-legend --plain');
  assert.equal(failed, '', when);
}

async function problems(): Promise<{ readonly exit: number | null; readonly messages: readonly string[] }> {
  const { code, stdout } = await stage.psi('status', '--json');
  const { problems: found } = answerOf(stdout) as { readonly problems: readonly { readonly message: string }[] };
  return { exit: code, messages: found.map(({ message }) => message) };
}

/** The service brings them up to date by itself. */
const untilCommands = (shape: number): Promise<void> =>
  host.until(
    `! podman secret inspect --format '{{printf "%q" (index .Spec.Driver.Options "lookup")}}' $(podman secret ls -q) | grep -v -e 'x-psi-command: ${String(shape)}' -e '^""$'`,
  );

test('a host takes a later version and goes back, with a reboot after each', options, async (t) => {
  const { version } = await marks();
  let later: Marks;
  await steps(t, {
    'as it was installed': async () => {
      assert.deepEqual(first.environ, { ...VALUES, DB_PASSWORD: SEALED });
      assert.deepEqual([first.file, first.sealed], [FILE, SEALED]);
      assert.match(first.dropIns, /Secret=app--A,type=env,target=A\n/);
      assert.deepEqual((await problems()).messages, []);
    },
    'the later version starts under the units and commands of this one': async () => {
      await becomes(LATER);
      await host.ok('systemctl restart app.service files.service');
      await assertSame('updated');
      await host.ok('psi setup');
      const found = await problems();
      assert.deepEqual([found.exit, found.messages.length], [4, 1]);
      assert.match(
        found.messages[0] ?? '',
        new RegExp(
          `units of this host are older than the image: revision ${String(UNITS_REVISION)} of ${String(UNITS_REVISION + 1)}`,
        ),
      );
    },
    'its units, its helper, its formats, through a reboot': async () => {
      await host.ok('psi install && psi systemd install --enable && systemctl restart psi.socket psi.service');
      await untilCommands(SHAPE + 1);
      await host.ok('podman exec -i psi psi sealed store later-password', { input: 'of the later version' });
      await host.ok('podman exec psi psi cache refresh');
      await host.reboot();
      await assertSame('updated and booted');
      later = await marks();
      assert.notEqual(later.version, version);
      assert.deepEqual(later, {
        version: later.version,
        helper: `psi-lookup ${later.version}`,
        ...{
          units: UNITS_REVISION + 1,
          cache: ENVELOPE_VERSION + 1,
          names: NAMES_FORMAT + 1,
          commands: [`x-psi-command: ${String(SHAPE + 1)}`],
        },
      });
      assert.deepEqual((await problems()).messages, []);
    },
    'back: this version starts under what the later one left, and says what it cannot read': async () => {
      await host.ok(`podman run --rm -v /etc/psi:/etc/psi:ro ${FIRST} check`);
      const sealed = await host.ok('sha256sum /var/lib/psi/sealed/later-password /var/lib/psi/names.json');
      await becomes(FIRST);
      await host.ok('systemctl restart app.service files.service');
      await assertSame('gone back');
      const refused = await stage.psi('sealed', 'export', 'later-password');
      assert.equal(refused.code, 65, refused.stdout);
      assert.match(
        refused.stderr,
        new RegExp(
          `later-password is newer than format ${String(ENVELOPE_VERSION)}\\n.*a newer psi wrote it: start that one again`,
        ),
      );
      await host.reboot();
      await assertSame('gone back and booted');
      await untilCommands(SHAPE);
      assert.equal(await host.ok('sha256sum /var/lib/psi/sealed/later-password /var/lib/psi/names.json'), sealed);
    },
    'what is left of it is told, and only what nobody can do without is an error': async () => {
      const { exit, messages } = await problems();
      assert.deepEqual([exit, messages.length], [1, 3], messages.join('\n'));
      assert.match(messages[0] ?? '', /sealed\/later-password is newer than format /);
      assert.match(
        messages.join('\n'),
        new RegExp(
          `units of this host are newer than the image: revision ${String(UNITS_REVISION + 1)}, and this psi renders ${String(UNITS_REVISION)}`,
        ),
      );
      assert.match(messages.join('\n'), /names\.json is of format \d, and this psi knows \d: a newer psi wrote it/);
      const back = await marks();
      // The setup of the boot has all that the cache is wanted for.
      assert.deepEqual(back, {
        ...later,
        version,
        helper: `psi-lookup ${version}`,
        cache: ENVELOPE_VERSION,
        commands: [`x-psi-command: ${String(SHAPE)}`],
      });
    },
  });
});
