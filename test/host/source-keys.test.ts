// What a source says key by key, on a booted host: containers that run keep their exec and health checks while `keys:` comes, changes and goes;
// and each thing that setup notes of a quadlet happens as it says.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answerOf } from '../hosts/answer.ts';
import { steps } from '../hosts/steps.ts';
import { onEachRoot, sleeper, startPsiHost, type PsiHost, type PsiHostOptions } from './psi-host.ts';

const FOLDERS = {
  '/app': { DB_PASSWORD: 'value of db', API_KEY: 'value of api', 'tls.key': 'value of key' },
  '/cache': { DB_PASSWORD: 'value of cache' },
};

const PLAIN = { project: 'main', path: '/app', exclude: ['tls.key'] };
const TLS_KEY = { file: '/etc/my app/tls.key', mode: '0400', uid: 999, gid: 70 };
const KEYS = { DB_PASSWORD: 'POSTGRES_PASSWORD', API_KEY: ['API_KEY', 'LEGACY_API_KEY'], 'tls.key': TLS_KEY };
const keyed = (keys: object, path = '/app'): object => ({ project: 'main', path, keys });

type Step = { readonly secrets: readonly object[]; readonly given: Readonly<Record<string, string>> };

const AS_KEYED = {
  POSTGRES_PASSWORD: 'value of db',
  API_KEY: 'value of api',
  LEGACY_API_KEY: 'value of api',
  '/etc/my app/tls.key': 'value of key 400 999:70',
};
const AS_PLAIN = { DB_PASSWORD: 'value of db', API_KEY: 'value of api' };

/** The life of a workload that begins without `keys`, and of one that begins with them. */
const LIVES: Readonly<Record<string, readonly Step[]>> = {
  'gains@': [
    { secrets: [PLAIN], given: AS_PLAIN },
    { secrets: [keyed(KEYS)], given: AS_KEYED },
    {
      secrets: [
        keyed({ 'tls.key': TLS_KEY, API_KEY: ['LEGACY_API_KEY', 'API_KEY'], DB_PASSWORD: 'POSTGRES_PASSWORD' }),
      ],
      given: AS_KEYED,
    },
    {
      secrets: [keyed({ DB_PASSWORD: 'POSTGRES_PASSWORD' }, '/cache'), keyed({ ...KEYS, DB_PASSWORD: 'OTHER' })],
      given: { ...AS_KEYED, POSTGRES_PASSWORD: 'value of cache', OTHER: 'value of db' },
    },
    { secrets: [PLAIN], given: AS_PLAIN },
    { secrets: [keyed(KEYS)], given: AS_KEYED },
  ],
  'born@': [
    { secrets: [keyed(KEYS)], given: AS_KEYED },
    {
      secrets: [keyed({ DB_PASSWORD: 'API_KEY', API_KEY: 'POSTGRES_PASSWORD' })],
      given: { API_KEY: 'value of db', POSTGRES_PASSWORD: 'value of api' },
    },
    { secrets: [PLAIN], given: AS_PLAIN },
    {
      secrets: [keyed({ DB_PASSWORD: 'POSTGRES_PASSWORD' }, '/cache'), PLAIN],
      given: { ...AS_PLAIN, POSTGRES_PASSWORD: 'value of cache' },
    },
    { secrets: [PLAIN], given: AS_PLAIN },
    { secrets: [keyed(KEYS)], given: AS_KEYED },
  ],
};

/** Podman hands a health check the variables that it looks up for it. */
const HEALTH = ['HealthCmd=env >/tmp/health', 'HealthInterval=disable'];

type Foretold = {
  readonly quadlet: readonly string[];
  readonly dropIns?: Readonly<Record<string, string>>;
  readonly keys: object;
  /** What setup says after `note NAME: `; undefined: nothing. */
  readonly note?: RegExp;
  /** False: the container does not start. */
  readonly starts?: false;
  /** A command in the container, and what it prints, its error with it. */
  readonly shows?: readonly [command: string, out: RegExp];
  /** On the host, after the start. */
  readonly onHost?: readonly [command: string, out: RegExp];
};

const mine = (rights: object = {}): object => ({ API_KEY: { file: '/etc/app/key', ...rights } });
const READ = 'cat /etc/app/key';
const DENIED = /Permission denied/;
const MINE = /^value of api$/;

const FORETOLD: Readonly<Record<string, Foretold>> = {
  user: {
    quadlet: ['User=1000'],
    keys: mine({ mode: '0400' }),
    note: /user\.container:\d+: User=1000 may not read the file \/etc\/app\/key \(mode 0400 of 0:0\)/,
    shows: [READ, DENIED],
  },
  'user-group': {
    quadlet: ['User=1000:1000'],
    keys: mine({ mode: '0440', gid: 70 }),
    note: /: User=1000 may not read the file \/etc\/app\/key \(mode 0440 of 0:70\)/,
    shows: [READ, DENIED],
  },
  'user-own-group': {
    quadlet: ['User=1000:70'],
    keys: mine({ mode: '0404', gid: 70 }),
    note: /: User=1000 may not read the file \/etc\/app\/key \(mode 0404 of 0:70\)/,
    shows: [READ, DENIED],
  },
  'user-kept': {
    quadlet: ['UserNS=keep-id:uid=1000,gid=1000'],
    keys: mine({ mode: '0400' }),
    note: /: UserNS=keep-id:uid=1000,gid=1000 may not read the file/,
    shows: [READ, DENIED],
  },
  'user-may': { quadlet: ['User=1000'], keys: mine({ mode: '0400', uid: 1000 }), shows: [READ, MINE] },
  'user-added': {
    quadlet: ['User=1000:1000', 'GroupAdd=70'],
    keys: mine({ mode: '0440', gid: 70 }),
    shows: [READ, MINE],
  },
  'user-all': {
    quadlet: ['User=1000', 'AddCapability=DAC_OVERRIDE'],
    keys: mine({ mode: '0400' }),
    shows: [READ, MINE],
  },
  variable: {
    quadlet: ['Secret=old,type=env,target=A'],
    keys: { API_KEY: 'A' },
    note: /: the variable A comes from podman's secret old too: the container gets psi's, and not that one/,
    shows: ['echo "$A"', MINE],
  },
  'variable-later': {
    quadlet: [],
    dropIns: { '60-more.conf': 'Secret=old,type=env,target=A' },
    keys: { API_KEY: 'A' },
    note: /60-more\.conf:2: the variable A comes from podman's secret old too: the container gets that one, and not psi's/,
    shows: ['echo "$A"', /^old value$/],
  },
  file: {
    quadlet: ['Secret=old,target=/etc//app/./key,mode=0400'],
    keys: mine(),
    note: /: the file \/etc\/app\/key comes from podman's secret old too: the container gets psi's, and not that one/,
    shows: [READ, MINE],
  },
  'file-later': {
    quadlet: [],
    dropIns: { '60-more.conf': 'Secret=old,target=/etc/app/key' },
    keys: mine(),
    note: /: the file \/etc\/app\/key comes from podman's secret old too: the container gets that one, and not psi's/,
    shows: [READ, /^old value$/],
  },
  'read-only': {
    quadlet: ['Volume=/srv/read-only:/etc/app:ro'],
    keys: mine(),
    note: /: \/etc\/app is mounted read-only: for the file \/etc\/app\/key an empty one is made in \/srv\/read-only on the host/,
    shows: [READ, MINE],
    onHost: ['stat -c %s /srv/read-only/key', /^0$/],
  },
  'no-file-can-be-made': {
    quadlet: ['Volume=/srv/no-file:/etc/app:ro'],
    keys: mine(),
    note: /: \/etc\/app is mounted read-only: .* where that cannot be \(runc, a read-only file system\) the container does not start/,
    starts: false,
  },
  image: {
    quadlet: ['Mount=type=image,source=localhost/psi-busybox:test,destination=/etc/app'],
    keys: mine(),
    note: /: \/etc\/app is mounted read-only: the container starts with the file \/etc\/app\/key only if the image has/,
    starts: false,
  },
  'volume-and-tmpfs': {
    quadlet: ['Volume=data:/etc/app:ro', 'Tmpfs=/etc/other:ro'],
    keys: { API_KEY: [{ file: '/etc/app/key' }, { file: '/etc/other/key' }] },
    shows: ['cat /etc/app/key /etc/other/key', /^value of apivalue of api$/],
  },
  kernel: {
    quadlet: [],
    keys: { API_KEY: { file: '/proc/key' } },
    note: /: the file \/proc\/key cannot be made in \/proc: the container does not start/,
    starts: false,
  },
  mounted: {
    quadlet: ['Volume=data:/etc/app/key'],
    keys: mine(),
    note: /mounted\.container:\d+: it is mounted at \/etc\/app\/key too: the container gets that, and not the secret/,
    shows: ['test -d /etc/app/key && echo a folder', /^a folder$/],
  },
  podmans: {
    quadlet: [],
    keys: { API_KEY: { file: '/etc/hosts' } },
    note: /: podman mounts \/etc\/hosts itself: the container gets that, and not the secret/,
    shows: ['cat /etc/hosts', /localhost/],
  },
  'mounted-inside': {
    quadlet: ['Volume=data:/etc/app/key/data'],
    keys: mine(),
    note: /: \/etc\/app\/key\/data is mounted inside of \/etc\/app\/key, which is to be a file: the container does not start/,
    starts: false,
  },
  inside: {
    quadlet: [],
    keys: { API_KEY: { file: '/etc/app' }, DB_PASSWORD: { file: '/etc/app/key' } },
    note: /: the file \/etc\/app\/key is to be inside of \/etc\/app, which is a file too: the container does not start/,
    starts: false,
  },
  folder: {
    quadlet: [],
    keys: { API_KEY: { file: '/run' } },
    note: /: \/run is a folder, and a secret is a file: the container does not start/,
    starts: false,
  },
};

await onEachRoot(({ suite, supported, options }) => {
  let stage: PsiHost;
  let setup: PsiHostOptions;
  const foretold = Object.entries(FORETOLD);
  const noted = Object.fromEntries(foretold.map(([name, { keys }]) => [name, { secrets: [keyed(keys)] }]));

  before(async () => {
    if (!supported) return;
    const dropIns = foretold.flatMap(([name, { dropIns = {} }]) =>
      Object.entries(dropIns).map(([file, line]): [string, string] => [
        `${name}.container.d/${file}`,
        `[Container]\n${line}\n`,
      ]),
    );
    setup = {
      suite,
      folders: FOLDERS,
      workloads: {},
      quadlets: {
        ...Object.fromEntries(foretold.map(([name, { quadlet }]) => [`${name}.container`, sleeper(...quadlet)])),
        ...Object.fromEntries(dropIns),
        ...Object.fromEntries(Object.keys(LIVES).map((name) => [`${name}.container`, sleeper(...HEALTH)])),
      },
      prepare: async (host) => {
        await host.ok(['podman', 'secret', 'create', '--driver', 'file', 'old', '-'], { input: 'old value' });
        await host.ok('mkdir /srv/read-only /srv/no-file && mount -t tmpfs -o ro none /srv/no-file');
      },
    };
    stage = await startPsiHost(setup);
  });
  after(async () => {
    if (supported) await stage.stop();
  });

  const sorted = (entries: readonly (readonly [string, string])[]): string => JSON.stringify([...entries].sort());

  /** What of a container's variables and files comes from PSI, as its exec and as its health check have it. */
  async function given(container: string): Promise<{ readonly exec: string; readonly health: string }> {
    const path = '/etc/my app/tls.key';
    await stage.host.ok(`podman healthcheck run ${container}`);
    const script = `env; echo "${path}=$(cat '${path}')$(stat -c ' %a %u:%g' '${path}')"; echo; cat /tmp/health; rm /tmp/health`;
    const [exec = '', health = ''] = (await stage.host.ok(['podman', 'exec', container, 'sh', '-c', script])).split(
      '\n\n',
    );
    const own = (lines: string): readonly (readonly [string, string])[] =>
      [...lines.matchAll(/^([^=]*)=(value of .*)$/gm)].map(([, name = '', value = '']) => [name, value]);
    const file = own(exec).filter(([name]) => name === path);
    return { exec: sorted(own(exec)), health: sorted([...own(health), ...file]) };
  }

  async function ids(): Promise<Readonly<Record<string, string>>> {
    const listed = (await stage.host.ok('podman secret ls --format "{{.Name}} {{.ID}}"')).trim().split('\n');
    return Object.fromEntries(
      listed.map((line): [string, string] => [line.replace(/ .*/, ''), line.replace(/.* /, '')]),
    );
  }

  test('containers keep their exec and health checks while keys come, change and go', options, async (t) => {
    const running: { readonly name: string; readonly as: Step['given'] }[] = [];
    const rounds = Math.max(...Object.values(LIVES).map((life) => life.length));
    const parts = Array.from({ length: rounds }, (_, round) => async (): Promise<void> => {
      const steps = Object.entries(LIVES).flatMap(([name, life]) => (life[round] ? [{ name, ...life[round] }] : []));
      const before = await ids();
      const living = Object.fromEntries(steps.map(({ name, secrets }) => [name, { secrets }]));
      await stage.writeConfig({ ...setup, workloads: { ...noted, ...living } });
      const { stdout, code } = await stage.psi('setup', '--json');
      const report = answerOf(stdout) as { changes: { action: string }[] };
      assert.equal(code, 0, stdout);
      const others = report.changes.filter(
        ({ action }) => !['create', 'write-drop-in', 'write-header'].includes(action),
      );
      assert.deepEqual(others, [], stdout);
      const after = await ids();
      for (const [name, id] of Object.entries(before)) assert.equal(after[name], id, name);
      assert.match(await stage.setup('--dry-run'), /^nothing to change, /m);
      for (const { name, given: as } of steps) {
        const instance = name.replace('@', `@${String(round)}`);
        await stage.host.ok(`systemctl start ${instance}.service`);
        running.push({ name: `systemd-${instance.replace('@', '_')}`, as });
      }
      for (const { name, as } of running) {
        const wanted = sorted(Object.entries(as));
        assert.deepEqual(await given(name), { exec: wanted, health: wanted }, name);
      }
    });
    await steps(t, Object.fromEntries(parts.map((part, round) => [`config ${String(round + 1)}`, part])));
  });

  test('what setup notes of a quadlet happens as it says, and nothing else is amiss', options, async (t) => {
    const living = Object.fromEntries(Object.keys(LIVES).map((name) => [name, { secrets: [PLAIN] }]));
    await stage.writeConfig({ ...setup, workloads: { ...noted, ...living } });
    const done = await stage.psi('setup');
    assert.equal(done.code, 0, done.stderr);
    const notes = done.stdout.split('\n').filter((line) => line.startsWith('note '));
    for (const [name, { note, starts = true, shows, onHost }] of foretold) {
      await t.test(name, async () => {
        const own = notes.filter((line) => line.startsWith(`note ${name}: `));
        assert.equal(own.length, note ? 1 : 0, own.join('\n'));
        if (note) assert.match(own[0] ?? '', note);
        const { code } = await stage.host.run(`systemctl start ${name}.service`);
        assert.equal(code === 0, starts, await stage.host.journal(`${name}.service`));
        if (shows) {
          const { stdout, stderr } = await stage.host.run(['podman', 'exec', `systemd-${name}`, 'sh', '-c', shows[0]]);
          assert.match((stdout + stderr).trim(), shows[1]);
        }
        if (onHost) assert.match((await stage.host.ok(onHost[0])).trim(), onHost[1]);
      });
    }
  });
});
