// What `psi status` tells on a booted host: one fault of each kind is made, stands first, and is mended by the command that is printed with it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answerOf } from '../hosts/answer.ts';
import type { RunResult } from '../hosts/run.ts';
import {
  CREDENTIALS,
  PROJECT,
  psiHostSupport,
  sleeper,
  startPsiHost,
  type PsiHost,
  type PsiHostOptions,
} from './psi-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const STORE = '/etc/credstore.encrypted';
const CREDENTIAL = 'infisical-client-secret';
const FIGURES = '/srv/figures';
const CONFIG = '/etc/psi/config.yaml';
const STATE = '/var/lib/psi';
const HELPER = '/usr/local/libexec/psi/psi-lookup';
const QUADLETS = '/etc/containers/systemd';
const PROFILE = '3d2a9c11-0000-4000-8000-000000000000';
const TOKEN = 'canary-socket-token';

const APP = { secrets: [{ project: 'main', path: '/app' }] };
const GONE = { secrets: [{ project: 'main', path: '/gone' }] };
const BASE: PsiHostOptions = {
  folders: { '/app': { A: 'value-a', B: 'value-b' }, '/gone': { C: 'value-c' } },
  workloads: { app: APP },
  quadlets: { 'app.container': sleeper() },
  seed: { profiles: [{ id: PROFILE, project: PROJECT }] },
  config: {
    cache: { backend: 'credential', max_age: '1s' },
    lookup: { batch_window: 0 },
    socket_token: { file: '/etc/psi/socket-token' },
    metrics: { textfile_dir: FIGURES },
  },
  provider: {
    auth: { method: 'universal-auth', client_id: CREDENTIALS.clientId, client_secret: { credential: CREDENTIAL } },
    tls: {
      certificates: {
        web: {
          ...{ project: 'main', profile_id: PROFILE, common_name: 'web.example.com' },
          output: { cert: '/srv/web/web.pem', key: '/srv/web/web.key', chain: '/srv/web/chain.pem' },
        },
      },
    },
  },
  prepare: async (host) => {
    const encrypt = (name: string, input: string): string =>
      `${input} | systemd-creds encrypt --with-key=host --name=${name} - ${STORE}/${name} && cp ${STORE}/${name} /root/`;
    await host.ok(`mkdir -p -m 0700 ${STORE} ${FIGURES} && ${encrypt('psi-cache-key', 'head -c 32 /dev/urandom')}`);
    await host.ok(encrypt(CREDENTIAL, `printf %s ${CREDENTIALS.clientSecret}`));
    await host.write('/etc/psi/socket-token', TOKEN, 0o600);
    await host.write(
      `${QUADLETS}/psi.container.d/often.conf`,
      '[Container]\nEnvironment=PSI_METRICS_INTERVAL=500ms PSI_SETUP_RETRY=1h\n',
    );
  },
};

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost(BASE);
  await stage.host.ok(`podman exec psi psi infisical tls issue`);
  await stage.setup();
});
after(async () => {
  if (support.ok) await stage.stop();
});

type Problem = { readonly severity: string; readonly message: string; readonly hint: string | null };

type Fault = {
  readonly name: string;
  readonly make: () => Promise<unknown>;
  readonly exit: 0 | 1 | 4;
  readonly told: RegExp;
  /** What is to be mended elsewhere before a command of this host can help. */
  readonly elsewhere?: () => Promise<unknown>;
  /** What the test itself puts back, when all is well. */
  readonly after?: () => Promise<unknown>;
};

const sh = (command: string) => (): Promise<string> => stage.host.ok(command);
const configured = (change: Partial<PsiHostOptions>) => async (): Promise<void> => {
  await stage.writeConfig({ ...BASE, ...change });
  await stage.setup();
};
const place = { project: PROJECT, environment: 'prod', path: '/app' };
const denied =
  (...denials: readonly unknown[]) =>
  (): Promise<string> =>
    stage.double('POST', '/seed', { identities: [{ ...CREDENTIALS, denials }] });
const credential = (name: string, unit: string, file: string): string =>
  `cp ${file} ${STORE}/${name}; systemctl restart ${unit}; systemctl restart psi.service`;
/** What psi remembers of the certificate; its files are gone. */
const ends =
  (days: number, heldFor = 90 - days) =>
  async (): Promise<void> => {
    await stage.host.ok('find /srv/web -mindepth 1 -delete');
    const path = `${STATE}/tls/web.json`;
    const state = JSON.parse(await stage.host.read(path)) as { readonly certificate: object };
    const at = (from: number): string => new Date(Date.now() + from * 86_400_000).toISOString();
    const dates = { notBefore: at(days - 90), notAfter: at(days), obtainedAt: at(-heldFor) };
    const certificate = { ...state.certificate, ...dates };
    await stage.host.write(path, JSON.stringify({ ...state, certificate }), 0o600);
  };
const curlIs = async (version: string): Promise<void> => {
  const { node, tree } = stage.host;
  const standIn = `exec ${node} ${tree}/test/doubles/old-curl/main.ts ${version} /usr/bin/curl.away "$@"`;
  await stage.host.ok(`mv /usr/bin/curl /usr/bin/curl.away; mv ${HELPER} /root/psi-lookup`);
  await stage.host.write('/usr/bin/curl', `#!/bin/sh\n${standIn}\n`, 0o755);
  await stage.host.run('systemctl restart app.service');
};

const FAULTS: readonly Fault[] = [
  {
    name: 'the provider is away, and lookups are answered from the cache',
    make: async () => {
      await stage.double('PATCH', '/knobs', { outage: 'refuse' });
      await stage.host.ok('sleep 1; systemctl restart app.service');
    },
    exit: 1,
    told: /^infisical has given no usable answer since \S+ \(.*\); lookups are answered from the cache meanwhile \(2 values, 2 of them older/,
    elsewhere: () => stage.double('PATCH', '/knobs', { outage: 'none' }),
  },
  {
    name: 'a setup that left something',
    make: async () => {
      await denied({ actions: ['readValue'], path: '/app', key: 'NEW' })();
      await stage.double('PUT', '/secrets', { ...place, key: 'NEW', value: 'new' });
      await stage.psi('setup');
    },
    exit: 1,
    told: /setup left it as it was: app--NEW/,
    elsewhere: denied(),
    after: async () => {
      await stage.double('DELETE', '/secrets', { ...place, key: 'NEW' });
      await stage.setup();
      await stage.host.ok('podman secret rm app--NEW');
    },
  },
  {
    name: 'a lookup that the next start meets too',
    make: async () => {
      await stage.double('DELETE', '/secrets', { ...place, key: 'B' });
      await stage.host.ok('sleep 1');
      await stage.host.run('systemctl restart app.service');
    },
    exit: 1,
    told: /^its last lookup failed: /,
    elsewhere: async () => {
      await stage.double('PUT', '/secrets', { ...place, key: 'B', value: 'value-b' });
    },
  },
  {
    name: 'a secret that its workload does not use any more',
    make: configured({ workloads: { app: { secrets: [{ ...APP.secrets[0], exclude: ['B'] }] } } }),
    exit: 4,
    told: /^secrets in podman that no workload uses any more: 1, app--B/,
    after: configured({}),
  },
  {
    name: 'the secrets of a workload that is gone from the config',
    make: async () => {
      await stage.host.write(`${QUADLETS}/gone.container`, sleeper());
      await configured({ workloads: { app: APP, gone: GONE } })();
      await stage.host.ok(`rm ${QUADLETS}/gone.container && systemctl daemon-reload`);
      await configured({})();
    },
    exit: 4,
    told: /^secrets in podman that no workload uses any more: 1, gone--C/,
  },
  {
    name: 'a quadlet that is nowhere',
    make: sh(`mv ${QUADLETS}/app.container /root/ && systemctl daemon-reload`),
    exit: 4,
    told: /^its unit app\.container is nowhere/,
    elsewhere: sh(`mv /root/app.container ${QUADLETS}/ && systemctl daemon-reload`),
  },
  {
    name: 'drop-ins that systemd has not read',
    make: async () => {
      await stage.double('PUT', '/secrets', { ...place, key: 'NEW', value: 'new' });
      await stage.host.ok('mv /run/dbus/system_bus_socket /run/dbus/away');
      await stage.psi('setup');
      await stage.host.ok('mv /run/dbus/away /run/dbus/system_bus_socket');
    },
    exit: 1,
    told: /^systemd has yet to read drop-ins that setup changed/,
    after: async () => {
      await stage.double('DELETE', '/secrets', { ...place, key: 'NEW' });
      await stage.setup();
      await stage.host.ok('podman secret rm app--NEW');
    },
  },
  {
    name: 'a config that is refused, on the last good one',
    make: async () => {
      await stage.host.write(CONFIG, 'worklods: {}\n', 0o600);
      await stage.host.ok('systemctl restart psi.service');
    },
    exit: 1,
    told: /^the config is not used: .*worklods.*; psi goes on with the last good config/,
    elsewhere: () => stage.writeConfig(BASE),
  },
  {
    name: 'a credential that nothing decrypts',
    make: sh(`echo bm90IG9uZQ== >/root/bad; ${credential(CREDENTIAL, `psi-credential@${CREDENTIAL}`, '/root/bad')}`),
    exit: 1,
    told: new RegExp(CREDENTIAL),
    elsewhere: sh(`cp /root/${CREDENTIAL} ${STORE}/`),
  },
  {
    name: 'a cache that is locked',
    make: sh(credential('psi-cache-key', 'psi-cache-key', '/root/bad')),
    exit: 4,
    told: /^the cache is locked: /,
    elsewhere: sh(`cp /root/psi-cache-key ${STORE}/`),
  },
  { name: 'a certificate that ended', make: ends(-1), exit: 1, told: /^it ended \d{4}-/ },
  { name: 'a renewal that is overdue', make: ends(2), exit: 4, told: /^its renewal is overdue since / },
  {
    name: 'a timer that looks too seldom',
    make: ends(2, 0),
    exit: 4,
    told: /^psi-tls-renew\.timer looks once a day, and web is renewed 1d 8h before its end/,
    after: sh('podman exec psi psi infisical tls renew'),
  },
  {
    name: 'no certificate yet',
    make: sh(`rm ${STATE}/tls/web.json && find /srv/web -mindepth 1 -delete`),
    exit: 4,
    told: /^none was issued yet/,
  },
  {
    name: 'a curl that is too old',
    make: () => curlIs('7.61.0'),
    exit: 1,
    told: /^curl 7\.61\.0 on this host is too old/,
    elsewhere: sh(`mv /usr/bin/curl.away /usr/bin/curl; mv /root/psi-lookup ${HELPER}`),
  },
  {
    name: 'a value that somebody gave to psi',
    make: async () => {
      await stage.host.run(
        `echo value | curl -s -H @${STATE}/driver.hdr --data-binary @- --unix-socket /run/psi/psi.sock http://localhost/store/${'7'.repeat(25)}`,
      );
    },
    exit: 4,
    told: /^a request to store 7{25} was refused at /,
  },
  {
    name: 'a request without the token',
    make: sh(`curl -s --unix-socket /run/psi/psi.sock http://localhost/list`),
    exit: 4,
    told: /^a request to list was refused at \S+: the socket token/,
  },
  {
    name: 'a mapping that cannot be read',
    make: sh(
      `f=$(ls ${STATE} | grep -E '^[0-9a-f]{25}$' | head -1); echo x >${STATE}/$f; systemctl restart psi.service`,
    ),
    exit: 1,
    told: /mapping/,
  },
  {
    name: 'a config that others can change',
    make: sh(`chmod 666 ${CONFIG}`),
    exit: 4,
    told: /is open, mode 0666: others can change it/,
  },
  {
    name: 'a state folder that is open',
    make: sh(`chmod 777 ${STATE}`),
    exit: 4,
    told: /is open, mode 0777: others can look into it/,
  },
  {
    name: 'the commands of another PSI as the default driver',
    make: () =>
      stage.host.write(
        '/etc/containers/containers.conf.d/50-psi.conf',
        '[secrets]\ndriver = "shell"\n[secrets.opts]\nlookup = "python3 -m psi.lookup"\n',
      ),
    exit: 4,
    told: /50-psi\.conf makes commands that are not psi's the default secret driver/,
  },
  {
    name: 'a folder for figures that is gone',
    make: sh(`rm -r ${FIGURES}; sleep 1`),
    exit: 4,
    told: /^the figures for node_exporter are not as they should be: /,
  },
  {
    // Units of before `psi health` would not let psi.service start with another status.
    name: 'units that are older than the image',
    make: async () => {
      await stage.host.write(`${QUADLETS}/psi.container.d/older.conf`, '[Container]\nEnvironment=PSI_UNITS=1\n');
      await stage.host.ok('systemctl daemon-reload && systemctl restart psi.service');
    },
    exit: 0,
    told: /^the units of this host are older than the image/,
    elsewhere: sh(`rm ${QUADLETS}/psi.container.d/older.conf`),
  },
];

const problemsOf = ({ stdout }: RunResult): readonly Problem[] =>
  (answerOf(stdout) as { readonly problems: readonly Problem[] }).problems;

/** Where a command has restarted PSI, or where PSI looks again by itself, it may take a moment. */
async function well(): Promise<void> {
  let found: readonly unknown[] = [];
  for (const end = performance.now() + 20_000; performance.now() < end;) {
    const status = await stage.psi('status', '--json');
    if (![0, 1, 4].includes(status.code)) continue;
    found = problemsOf(status);
    if (status.code === 0 && found.length === 0) return;
  }
  assert.fail(JSON.stringify(found, undefined, 1));
}

const COMMAND = /`((?:podman|systemctl|curl|chmod|mv|mkdir|ls) [^`]*)`/g;

/** As they stand there, but for those that only show what systemd knows, and those with a name that somebody has to put in. */
function commandsOf(hint: string): readonly string[] {
  const each = [...hint.matchAll(COMMAND)].map(([, command = '']) => command);
  return each.filter((command) => !/^systemctl status |^podman secret rm$|\bNAME\b/.test(command));
}

async function seen({ told, exit }: Fault): Promise<readonly string[]> {
  const status = await stage.psi('status', '--json');
  const problems = problemsOf(status);
  const [first] = problems;
  const shown = JSON.stringify(problems, undefined, 1);
  assert.match(first?.message ?? '', told, shown);
  assert.deepEqual([status.code, first?.severity], [exit, exit === 1 ? 'error' : 'warning'], shown);
  const quiet = await stage.psi('status', '--quiet');
  assert.equal(quiet.code, exit);
  for (const line of quiet.stdout.trimEnd().split('\n')) assert.match(line, /^(?:problem|warning) |^ {8}\S/);
  const commands = commandsOf(first?.hint ?? '');
  assert.notDeepEqual(commands, [], shown);
  return commands;
}

const OTHERS = `podman secret ls --format '{{.Name}}' | grep -vxE 'app--(A|B)'`;

for (const fault of FAULTS) {
  const { name, make, elsewhere, after: putBack } = fault;
  test(`${name}: told first, and mended by the command that stands there`, options, async () => {
    try {
      await well();
      await make();
      const commands = await seen(fault);
      await elsewhere?.();
      for (const command of commands) await stage.host.ok(command);
      await well();
    } catch (error) {
      // What failed in the middle is not for the next one to find.
      await elsewhere?.().catch(() => undefined);
      await stage.host.run(
        `systemctl restart psi.service; podman exec psi psi infisical tls renew; podman exec psi psi setup; ${OTHERS} | xargs -r podman secret rm`,
      );
      throw error;
    } finally {
      await putBack?.();
    }
  });
}
