// compose.test.yml by its own comments, with Debian's podman-compose, on a host that has a PSI.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { commandsOf } from '../hosts/doc-blocks.ts';
import { imageArchive, PSI_IMAGE } from '../hosts/image.ts';
import { PSI_TREE } from '../hosts/psi-tree.ts';
import { run } from '../hosts/run.ts';
import { steps } from '../hosts/steps.ts';
import { psiHostSupport, sleeper, startPsiHost, type PsiHost } from './psi-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const HERE = '/root/tree';
/** What a reader's machine has and this one has not: a registry to build from, and images in its own storage. */
const PLACEHOLDERS: readonly (readonly [text: string, here: string])[] = [
  [' up --build -d', ' up -d'],
  [' up --build ', ' up -d '],
  [' localhost/psi-compose DB_HOST', ` ${PSI_IMAGE} DB_HOST`],
];

type Service = {
  readonly image?: string;
  readonly build?: { readonly target?: string };
  readonly volumes?: readonly string[];
  readonly healthcheck?: unknown;
  readonly profiles?: readonly string[];
};
type Compose = { readonly name?: string; readonly services: Readonly<Record<string, Service>> };

const text = await readFile(join(PSI_TREE, 'compose.test.yml'), 'utf8');
const compose = parse(text) as Compose;
const services = Object.entries(compose.services).filter(([, { profiles }]) => profiles === undefined);

/** The commands that the comments tell, as a reader types them. */
const told = commandsOf([...text.matchAll(/^# {3}(.*)$/gm)].map(([, line = '']) => line).join('\n'));

function command(words: string): string {
  const found = told.find((line) => line.includes(words)) ?? assert.fail(`no command of the comments has ${words}`);
  const bare = found.replace(/ {3,}(?=[A-Z]).*$/, '');
  return PLACEHOLDERS.reduce((line, [there, here]) => line.replace(there, here), `${bare} `).trim();
}

let stage: PsiHost;
/** As a reader does, in the tree; a command that waits for ever is ended. */
const type = (words: string): ReturnType<PsiHost['host']['run']> =>
  stage.host.run(['timeout', '60', 'sh', '-c', `cd ${HERE} && ${command(words)}`]);

before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost({
    folders: { '/myapp': { DB_HOST: 'of-the-host' } },
    workloads: { myapp: { secrets: [{ project: 'main', path: '/myapp' }] } },
    quadlets: { 'myapp.container': sleeper() },
  });
  await stage.setup();
  const { host } = stage;
  // Podman's name server does not start without one.
  await host.write('/etc/resolv.conf', 'nameserver 127.0.0.1\n');
  const tree = await run(['tar', '-C', PSI_TREE, '-c', 'compose.test.yml', 'test/compose', 'test/doubles', 'src']);
  await host.ok(`mkdir ${HERE}`);
  await host.ok(['tar', '-x', '-C', HERE], { input: tree.bytes });
  // The images of this host are in a store beside its own.
  await host.run(`sed -i s#/var/lib/containers/storage#/mnt/psi-images# ${HERE}/test/compose/storage.conf`);
  for (const [name, service] of services) await haveImage(name, service);
});
after(async () => {
  if (support.ok) await stage.stop();
});

/** What `up --build` would have built. */
async function haveImage(name: string, { image, build }: Service): Promise<void> {
  const target = build?.target;
  if (target !== undefined) await stage.host.loadImage(await imageArchive({ target }));
  await stage.host.ok(['podman', 'tag', PSI_IMAGE, image ?? `${compose.name ?? 'tree'}_${name}`]);
  if (target !== undefined) await stage.host.ok(['podman', 'rmi', PSI_IMAGE]);
}

const ofTheHost = (): Promise<string> =>
  stage.host.ok(
    'podman secret ls --format "{{.ID}} {{.Name}}" | sort; stat -c "%n %Y" /var/lib/psi /etc/containers/systemd/*.d/*',
  );

test('no folder of a PSI or of the Podman of this host is in compose.test.yml', () => {
  const mounted = services.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(':')[0] ?? ''));
  const theirs = ['/run/psi', '/run/podman', '/var/lib/psi', '/etc/psi', '/etc/containers', '/var/lib/containers'];
  assert.deepEqual(
    mounted.filter((path) => theirs.some((folder) => `${path}/`.startsWith(`${folder}/`))),
    [],
  );
});

test('compose.test.yml works as its comments say, beside a PSI that it does not touch', options, async (t) => {
  const before = await ofTheHost();
  await steps(t, {
    'its containers come up and their health checks are understood': async () => {
      await stage.host.ok(`install -d -m 0700 /run/psi-compose`);
      const up = await type(' up ');
      assert.equal(up.code, 0, up.stdout + up.stderr);
      const healthy = await type('podman wait --condition=healthy');
      assert.equal(healthy.code, 0, healthy.stderr);
      const states = await stage.host.ok('podman ps --all --format "{{.Names}} {{.Status}}"');
      assert.equal(states.match(/\(healthy\)/g)?.length, 3, states);
    },
    'without a Podman of its own, setup is refused by name': async () => {
      const setup = await type('psi setup');
      assert.match(setup.stdout + setup.stderr, /API socket is not there: \/run\/psi-compose\/podman\.sock/);
      assert.equal(setup.code, 74);
    },
    'with one, a container of that Podman gets what the double has': async () => {
      const podman = await type('systemd-run');
      assert.equal(podman.code, 0, podman.stderr);
      await stage.host.until('test -S /run/psi-compose/podman.sock');
      const setup = await type('psi setup');
      assert.equal(setup.code, 0, setup.stdout + setup.stderr);
      const list = await type('curl ');
      assert.equal(list.stdout.trim().split('\n').length, 2, list.stdout + list.stderr);
      const got = await type('printenv');
      assert.equal(got.stdout, 'db.internal\ngrüezi, 世界\n', got.stderr);
    },
    'the PSI of the host and its secrets are as they were': async () => {
      assert.equal(await ofTheHost(), before);
      await stage.host.ok('systemctl restart myapp.service');
      assert.equal((await stage.environ('systemd-myapp')).get('DB_HOST'), 'of-the-host');
    },
    'and it goes away without a trace': async () => {
      for (const words of [' down ', 'systemctl stop', 'rm -r']) {
        const done = await type(words);
        assert.equal(done.code, 0, done.stdout + done.stderr);
      }
      assert.equal(await stage.host.ok('podman volume ls --quiet; ls -d /run/psi-comp* || :'), '');
      assert.equal(await ofTheHost(), before);
    },
  });
});
