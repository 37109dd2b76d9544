// Quadlets with the shapes that public ones have, whose secrets other drivers hold, taken over by PSI: imported, rewritten, set up and started
// again, each container has the environment and the files that it had, byte, owner and mode.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { parseSecretOption } from '../../src/transfer/quadlet/secret-option.ts';
import { splitWords } from '../../src/transfer/quadlet/words.ts';
import { answerOf } from '../hosts/answer.ts';
import { corpusValue, QUADLET_CORPUS, type CorpusQuadlet } from '../hosts/quadlet-corpus.ts';
import { steps } from '../hosts/steps.ts';
import type { Recorded } from './fixtures/record-containers.ts';
import { psiHostSupport, sleeper, startPsiHost, type PsiHost, type PsiHostOptions } from './psi-host.ts';

const QUADLETS = '/etc/containers/systemd';

/** The name of one variable from two folders, in which the key is called the same too: its sources are written by hand. */
const TWO_FOLDERS: CorpusQuadlet = {
  file: 'two-folders.container',
  secrets: ['Secret=store-db,type=env,target=DB_PASSWORD', 'Secret=store-cache,type=env,target=CACHE_PASSWORD'],
};
const TWO_SOURCES = [
  { project: 'main', path: '/store/db', keys: { PASSWORD: 'DB_PASSWORD' } },
  { project: 'main', path: '/store/cache', keys: { PASSWORD: 'CACHE_PASSWORD' } },
];

/** Held by a driver of somebody's own, that looks its values up in a folder. */
const FOREIGN = ['shared-signing-key', 'smtp-password'];
const FOREIGN_DRIVER = Object.entries({
  list: 'ls /srv/foreign',
  lookup: 'cat /srv/foreign/$SECRET_ID',
  store: 'cat >/srv/foreign/$SECRET_ID',
  delete: 'rm /srv/foreign/$SECRET_ID',
}).map(([command, line]) => `--driver-opts=${command}=${line}`);

/** Podman makes a pod's own container of an image that this host does not have. */
const POD = [
  '[Unit]',
  'StartLimitIntervalSec=0',
  '[Pod]',
  'PodmanArgs=--network=none --infra-image=localhost/psi-busybox:test --infra-command="sleep infinity"',
  '',
].join('\n');

function quadletText({ secrets, more = [] }: CorpusQuadlet): string {
  const text = sleeper(...more, ...secrets);
  // A container of a pod has the pod's network.
  return more.some((line) => line.startsWith('Pod=')) ? text.replace('Network=none\n', '') : text;
}

function dropInTexts({ file, dropIns = {} }: CorpusQuadlet): readonly (readonly [string, string])[] {
  return Object.entries(dropIns).map(([name, lines]) => [
    `${file}.d/${name}`,
    ['[Container]', ...lines, ''].join('\n'),
  ]);
}

function serviceOf({ file }: CorpusQuadlet): string {
  return file.replace(/@\.container$/, '@1.container').replace(/\.container$/, '.service');
}

function secretNames(quadlets: readonly CorpusQuadlet[]): readonly string[] {
  const lines = quadlets.flatMap(({ secrets, dropIns = {} }) => [...secrets, ...Object.values(dropIns).flat()]);
  const words = lines.flatMap((line) => splitWords(line.replace('Secret=', '')).words);
  return [...new Set(words.flatMap(({ text }) => parseSecretOption(text)?.name ?? []))];
}

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const all = [...QUADLET_CORPUS, TWO_FOLDERS];
const services = all.map(serviceOf).join(' ');
const names = secretNames(all);
const folderOf = ({ file }: CorpusQuadlet): string => `/corpus/${file.replace(/@?\.container$/, '')}`;
let stage: PsiHost;
let setup: PsiHostOptions;
let first: Readonly<Record<string, Recorded>>;

async function record(): Promise<Readonly<Record<string, Recorded>>> {
  const { host } = stage;
  const answer = await host.ok([host.node, `${host.tree}/test/host/fixtures/record-containers.ts`]);
  const { psi, ...recorded } = JSON.parse(answer) as Record<string, Recorded>;
  assert.ok(psi);
  for (const { environment } of Object.values(recorded)) {
    // Podman's own, of a new container each time.
    delete (environment as Record<string, string>)['HOSTNAME'];
  }
  return recorded;
}

before(async () => {
  if (!support.ok) return;
  setup = {
    folders: { '/': {} },
    workloads: {},
    quadlets: {
      'suite.pod': POD,
      ...Object.fromEntries(all.map((quadlet) => [quadlet.file, quadletText(quadlet)])),
      ...Object.fromEntries(all.flatMap(dropInTexts)),
    },
    prepare: async (host) => {
      await host.ok('mkdir /srv/foreign');
      for (const name of names) {
        const driver = FOREIGN.includes(name) ? ['--driver', 'shell', ...FOREIGN_DRIVER] : ['--driver', 'file'];
        await host.ok(['podman', 'secret', 'create', ...driver, name, '-'], { input: corpusValue(name) });
      }
      await host.ok(`systemctl daemon-reload && systemctl start ${services}`);
    },
  };
  stage = await startPsiHost(setup);
  first = await record();
});
after(async () => {
  if (support.ok) await stage.stop();
});

test('the containers of 150 secrets are as before once psi has them', options, async (t) => {
  const workloads: Record<string, unknown> = { 'two-folders': { secrets: TWO_SOURCES } };
  await steps(t, {
    'each container has what its lines say': () => {
      const files = Object.values(first).flatMap((one) => Object.values(one.files));
      const variables = Object.values(first).flatMap(({ environment }) =>
        Object.values(environment).filter((word) => Buffer.from(word, 'base64').includes('value of ')),
      );
      assert.equal(Object.keys(first).length, all.length + 1, Object.keys(first).join());
      assert.ok(files.length + variables.length >= 150, String(files.length + variables.length));
      return Promise.resolve();
    },
    'each quadlet is imported and rewritten': async () => {
      for (const quadlet of QUADLET_CORPUS) {
        const place = ['--project', 'main', '--path', folderOf(quadlet)];
        const flags = ['--resolve-secrets', '--rewrite', '--json'];
        const imported = await stage.psi('infisical', 'import', 'quadlet', quadlet.file, ...place, ...flags);
        assert.equal(imported.code, 0, `${quadlet.file}: ${imported.stderr}${imported.stdout}`);
        assert.doesNotMatch(imported.stderr + imported.stdout, /value of/);
        const { next } = answerOf(imported.stdout) as { next: { config: string } };
        Object.assign(workloads, (parse(next.config) as { workloads: object }).workloads);
      }
    },
    'two folders whose keys are called the same are imported secret by secret': async () => {
      for (const [name, path] of [
        ['store-db', '/store/db'],
        ['store-cache', '/store/cache'],
      ] as const) {
        const what = ['--name', name, '--key', `${name}=PASSWORD`, '--project', 'main', '--path', path];
        const imported = await stage.psi('infisical', 'import', 'podman-secret', ...what);
        assert.equal(imported.code, 0, imported.stderr);
      }
      await stage.host.write(`${QUADLETS}/${TWO_FOLDERS.file}`, sleeper());
    },
    'no line is left in a quadlet, and none of the secrets is needed any more': async () => {
      const { stdout } = await stage.host.run(
        `grep -rhE '^Secret=.' ${QUADLETS} --include='*.container' --include='*.conf'`,
      );
      // Podman does not read what a later empty line takes back.
      assert.equal(stdout, 'Secret=never,type=env,target=NEVER\n');
      await stage.host.ok(['podman', 'secret', 'rm', ...names]);
      assert.equal(await stage.host.ok('podman secret ls -q'), '');
    },
    'with the lines that the imports printed setup has nothing to complain of': async () => {
      await stage.writeConfig({ ...setup, workloads });
      const done = await stage.psi('setup');
      assert.equal(done.code, 0, done.stderr);
      // How far it is, said every few seconds.
      assert.doesNotMatch(done.stderr, /^(?!\[\d+ s\] )./m);
      assert.doesNotMatch(done.stdout, /^note /m);
      assert.match(await stage.setup(), /^nothing to change, \d+ unchanged\n$/);
    },
    'started again, each has the same environment and the same files, with their owners and modes': async () => {
      await stage.host.ok(`systemctl daemon-reload && systemctl restart suite-pod.service ${services}`);
      const again = await record();
      assert.deepEqual(Object.keys(again).sort(), Object.keys(first).sort());
      for (const [name, given] of Object.entries(first)) assert.deepEqual(again[name], given, name);
    },
  });
});
