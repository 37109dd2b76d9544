// Hosts of the Python PSI come over while workloads start in a loop: no lookup fails, names stay, the token is asked for, and a
// second run has nothing to do; a run that is killed is gone on with. Its files are laid out as its installer and its setup write
// them; a stand-in serves.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'node:test';
import { ownContainer } from '../../src/host/command/own-container.ts';
import type { HostCommands } from '../hosts/host-commands.ts';
import { imageStore, PSI_IMAGE } from '../hosts/image.ts';
import { startHost, type Host } from '../hosts/nspawn.ts';
import { steps } from '../hosts/steps.ts';
import { configText, installCommand, psiHostSupport, seedOf, sleeper } from './psi-host.ts';
import { HOME, startRootlessHost } from './rootless-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const VALUES = { A: 'value a', B: 'value b' };
const STAGE = { folders: { '/app': VALUES }, workloads: { app: { secrets: [{ project: 'main', path: '/app' }] } } };
const TOKEN = 'token-of-the-old-socket';
const OLD = '/mnt/psi/test/host/fixtures/python-psi.ts';

type Mode = 'native' | 'container';

/** Where things are in each scope. */
type Places = {
  readonly config: string;
  readonly state: string;
  readonly quadlets: string;
  readonly units: string;
  readonly conf: string;
  readonly socket: string;
  readonly systemctl: string;
  readonly target: string;
};

const SYSTEM: Places = {
  ...{ config: '/etc/psi', state: '/var/lib/psi', quadlets: '/etc/containers/systemd', units: '/etc/systemd/system' },
  ...{ conf: '/etc/containers/containers.conf.d', socket: '/run/psi/psi.sock' },
  ...{ systemctl: 'systemctl', target: 'multi-user.target' },
};

const CONFIG = `${HOME}/.config`;
const USER: Places = {
  ...{ config: `${CONFIG}/psi`, state: `${HOME}/.local/share/psi`, quadlets: `${CONFIG}/containers/systemd` },
  ...{ units: `${CONFIG}/systemd/user`, conf: `${CONFIG}/containers/containers.conf.d` },
  ...{ socket: '/run/user/1000/psi/psi.sock', systemctl: 'systemctl --user', target: 'default.target' },
};

const SECRETS = ['app--A', 'app--B'];

function serverOf(mode: Mode, { config, state, socket }: Places): string {
  const env = { OLD_STATE: state, OLD_SOCKET: socket, OLD_VALUES: `${config}/values.json` };
  const lines = Object.entries(env).map(([name, value]) => `Environment=${name}=${value}`);
  const service = ['[Service]', 'Restart=on-failure', 'RuntimeDirectory=psi'];
  if (mode === 'native') return [...service, ...lines, `ExecStart=/usr/local/bin/node ${OLD} serve`].join('\n');
  const folders = ['/mnt/psi', config, state, '/run/psi'].map((folder) => `Volume=${folder}:${folder}`);
  const credentials = [
    'Volume=/run/credentials/psi-secrets.service:/run/credentials:ro',
    'Environment=CREDENTIALS_DIRECTORY=/run/credentials',
  ];
  const container = [
    '[Container]',
    'ContainerName=psi-secrets',
    `Image=${PSI_IMAGE}`,
    'Network=host',
    `Entrypoint=["node","${OLD}"]`,
    'Exec=serve',
  ];
  return [...container, ...folders, ...credentials, ...lines, ...service].join('\n');
}

/** Its units, by the paths that `psi systemd install` gave them. */
function unitsOf(mode: Mode, places: Places): ReadonlyMap<string, string> {
  const { quadlets, units, target } = places;
  const [folder, suffix] = mode === 'native' ? [units, 'service'] : [quadlets, 'container'];
  const install = `[Install]\nWantedBy=${target}\n`;
  const oneshot = '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n';
  const setup =
    mode === 'native'
      ? oneshot
      : `[Container]\nImage=${PSI_IMAGE}\nEntrypoint=["true"]\nExec=setup\n[Service]\nType=oneshot\nRemainAfterExit=yes\n`;
  const needs = 'Requires=psi-secrets.service\nAfter=psi-secrets.service\n';
  return new Map([
    [
      `${folder}/psi-secrets.${suffix}`,
      `[Unit]\nDescription=PSI secret lookup service\n${serverOf(mode, places)}\n${install}`,
    ],
    [
      `${folder}/psi-infisical-setup.${suffix}`,
      `[Unit]\nDescription=PSI infisical secrets setup\n${needs}${setup}${install}`,
    ],
    [
      `${units}/psi-infisical-refresh.service`,
      `[Unit]\nDescription=PSI infisical secret cache refresh\n[Service]\nType=oneshot\nExecStart=/usr/bin/${places.systemctl} restart psi-infisical-setup.service\n`,
    ],
    [
      `${units}/psi-infisical-refresh.timer`,
      '[Unit]\nDescription=Periodic PSI infisical secret cache refresh\n[Timer]\nOnActiveSec=2\nOnUnitActiveSec=2\nUnit=psi-infisical-refresh.service\n[Install]\nWantedBy=timers.target\n',
    ],
  ]);
}

function driverConf(socket: string): string {
  const call = `curl -sf -H 'Authorization: Bearer ${TOKEN}' --unix-socket ${socket}`;
  return [
    ...['[secrets]', 'driver = "shell"', '', '[secrets.opts]'],
    `store = "${call} -X POST -d @- http://localhost/store/$SECRET_ID"`,
    `lookup = "${call} http://localhost/lookup/$SECRET_ID"`,
    `delete = "${call} -X DELETE http://localhost/delete/$SECRET_ID"`,
    `list = "${call} http://localhost/list"`,
    '',
  ].join('\n');
}

/** Trap 9: the token is of a credential of its unit, or of a user's variable, and the config has none. */
async function layOut(host: HostCommands, mode: Mode, places: Places, root: HostCommands): Promise<void> {
  const { config, conf, quadlets, state, systemctl, units } = places;
  await host.write(`${config}/config.yaml`, `scope: system\n${configText(STAGE)}`, 0o600);
  await host.write(`${config}/values.json`, JSON.stringify(VALUES));
  await host.ok(`mkdir -p ${state}`);
  for (const [path, text] of unitsOf(mode, places)) await host.write(path, text);
  const ofUser = places === USER;
  const token = ofUser ? `Environment=PSI_SOCKET_TOKEN=${TOKEN}` : 'LoadCredentialEncrypted=psi-socket-token';
  await host.write(`${units}/psi-secrets.service.d/token.conf`, `[Service]\n${token}\n`);
  if (!ofUser) {
    await root.ok('mkdir -p /etc/credstore.encrypted');
    await root.ok(
      'systemd-creds encrypt --with-key=host --name=psi-socket-token - /etc/credstore.encrypted/psi-socket-token',
      { input: TOKEN },
    );
  }
  await host.write(`${conf}/psi.conf`, driverConf(places.socket), 0o600);
  await host.ok(`${systemctl} daemon-reload`);
  if (mode === 'native') await host.ok(`${systemctl} enable psi-secrets.service`);
  await host.ok(
    `${systemctl} enable podman.socket --now; ${systemctl} start psi-secrets.service psi-infisical-setup.service`,
  );
  await host.until(`curl -sf --unix-socket ${places.socket} http://localhost/healthz`);
  await host.ok(`${systemctl} enable --now psi-infisical-refresh.timer`);
  await host.write(`${quadlets}/app.container`, sleeper());
  const lines = SECRETS.map((name) => `Secret=${name},type=env,target=${name.slice(-1)}`).join('\n');
  await host.write(`${quadlets}/app.container.d/50-secrets.conf`, `[Container]\n${lines}\n`);
  for (const name of SECRETS) {
    const mapping = `{"provider": "infisical", "project": "main", "path": "/app", "key": "${name.slice(-1)}"}`;
    await host.ok(`podman secret create ${name} -`, { input: mapping });
  }
  await host.write(`${state}/cache.enc`, new TextEncoder().encode('PSIC\u0001\u0001and the rest of it'), 0o600);
}

/** Starts, one after another, until the file is gone; what went wrong is in /run/failed of the host, or of the user. */
function loop(folder: string): string {
  return `
rm -f ${folder}/failed ${folder}/ran; touch ${folder}/starting
while [ -e ${folder}/starting ]; do
  said=$(podman run --rm --network=none --secret app--A,type=env,target=A --secret app--B,type=env,target=B localhost/psi-busybox:test sh -c 'echo "$A, $B"' 2>&1)
  [ "$said" = "value a, value b" ] || echo "$said" >>${folder}/failed
  echo >>${folder}/ran
done`;
}

type Stage = {
  readonly host: HostCommands;
  readonly places: Places;
  /** Up to the words of psi. */
  readonly command: string;
  readonly folder: string;
};

async function assertComesOver({ host, places, command, folder }: Stage, kills: readonly string[]): Promise<void> {
  const { socket, systemctl } = places;
  const ask = (token: string): Promise<string> =>
    host.ok(
      `curl -s -o /dev/null -w '%{http_code}' ${token} --unix-socket ${socket} "http://localhost/lookup/$(podman secret inspect --format '{{.ID}}' app--A)"`,
    );
  const bearer = `-H 'Authorization: Bearer ${TOKEN}'`;
  const names = (): Promise<string> => host.ok('podman secret ls --format "{{.Name}}" | sort');
  const before = await names();
  const plan = await host.run(`${command} migrate`);
  assert.equal(plan.code, 3, plan.stdout + plan.stderr);
  assert.match(plan.stdout, /^stop psi-secrets\.service/m);
  assert.doesNotMatch(plan.stdout + plan.stderr, new RegExp(TOKEN));
  assert.equal(await ask(''), '401');

  const looping = host.run(loop(folder));
  try {
    await host.until(`test "$(wc -l <${folder}/ran)" -gt 2`);
    for (const when of kills) await host.ok(killedOnce(when, command));
    const done = await host.run(`${command} migrate --image ${PSI_IMAGE} --apply`);
    assert.ok([0, 4].includes(done.code), done.stdout + done.stderr);
    // The old timer, were it there, would have brought the old server back by now.
    await pause(5000);
  } finally {
    await host.ok(`rm -f ${folder}/starting`);
    await looping;
  }
  assert.equal((await host.run(`cat ${folder}/failed`)).stdout, '');
  assert.equal(await names(), before);
  const lookups = await host.ok(
    `podman secret inspect --format '{{index .Spec.Driver.Options "lookup"}}' ${SECRETS.join(' ')}`,
  );
  assert.doesNotMatch(lookups, new RegExp(TOKEN));
  assert.equal((lookups.match(/psi-lookup/g) ?? []).length, SECRETS.length, lookups);
  assert.equal(await ask(''), '401');
  assert.equal(await ask(bearer), '200');
  assert.match(await host.ok(`${systemctl} show -P Id psi-secrets.service`), /^psi\.service$/m);
  const again = await host.run(`${command} migrate --apply`);
  assert.equal(again.code, 0, again.stdout + again.stderr);
  assert.match(again.stdout, /^nothing of the Python PSI is to be moved here$/m);
  await host.ok(`${systemctl} restart psi.socket`);
  assert.equal(await ask(bearer), '200');
}

async function startOldHost(mode: Mode): Promise<Host> {
  const host = await startHost({
    imageStore: await imageStore(),
    files: { '/root/seed.json': { content: JSON.stringify(seedOf(STAGE)), mode: 0o600 } },
  });
  await host.startNode({
    unit: 'infisical-double',
    script: 'test/doubles/infisical/main.ts',
    env: { HOST: '127.0.0.1', PORT: '8099', CONTROL_PORT: '8098', SEED: '/root/seed.json' },
  });
  await host.until('curl -sf http://127.0.0.1:8098/__double/counts');
  await layOut(host, mode, SYSTEM, host);
  return host;
}

/** What is so when a run is killed: at its beginning, before the path changes hands, and when it has. */
const KILLS = [
  'test -e /etc/psi/migrate.owed',
  'test -e /run/systemd/system/psi-secrets.service.d/90-psi-migrate.conf',
  'systemctl -q is-active psi.service',
];

/** Killed with its container: without its caller alone it would go on. */
function killedOnce(when: string, command: string): string {
  const named = command.replace('podman run', 'podman run --name migrating');
  return `
${named} migrate --image ${PSI_IMAGE} --apply >/dev/null 2>&1 & run=$!
until ${when} || ! kill -0 $run 2>/dev/null; do sleep 0.02; done
podman kill -s KILL migrating >/dev/null 2>&1
wait $run
podman rm -f -i migrating >/dev/null`;
}

for (const mode of ['container', 'native'] as const) {
  test(`a host in ${mode} mode of the system`, options, async (t) => {
    const host = await startOldHost(mode);
    t.after(() => host.stop());
    await steps(t, {
      'comes over, killed three times on the way': async () => {
        const stage = { host, places: SYSTEM, command: await installCommand(), folder: '/run' };
        await assertComesOver(stage, KILLS);
      },
      'what was made for the old units is out of use, and the old config is kept': async () => {
        await host.ok('test ! -e /etc/systemd/system/psi-secrets.service.d/token.conf');
        await host.ok('test -e /etc/systemd/system/psi-secrets.service.d/token.conf.python');
        await host.ok('test -e /etc/psi/config.yaml.python && test ! -e /etc/psi/migrate.owed');
        assert.match(await host.read('/etc/psi/config.yaml'), /credential: psi-socket-token/);
      },
    });
  });
}

test('a host in native mode of a user', options, async (t) => {
  const { host, user } = await startRootlessHost('trixie', STAGE);
  t.after(() => host.stop());
  await layOut(user, 'native', USER, host);
  const command = ownContainer('user', 'localhost/psi:latest');
  await assertComesOver({ host: user, places: USER, command, folder: '/run/user/1000' }, []);
  assert.match(await user.read(`${HOME}/.config/psi/config.yaml`), /file: .*\/psi-socket-token/);
});
