// What the Python PSI leaves on a host, laid out as its installer and its setup write it, with a stand-in of its server; and how such a
// host comes over: with workloads that start in a loop, and a `psi migrate --apply` that is killed again and again.
import assert from 'node:assert/strict';
import type { HostCommands } from '../hosts/host-commands.ts';
import { PSI_IMAGE } from '../hosts/image.ts';
import type { Host } from '../hosts/nspawn.ts';
import { configText, sleeper } from './psi-host.ts';
import { HOME } from './rootless-host.ts';

export const VALUES = { A: 'value a', B: 'value b' };
export const STAGE = {
  folders: { '/app': VALUES },
  workloads: { app: { secrets: [{ project: 'main', path: '/app' }] } },
};
export const TOKEN = 'token-of-the-old-socket';
const SECRETS = ['app--A', 'app--B'];
/** Of a workload that is gone, and of the token: neither is any setup's. */
export const OTHERS = {
  'gone--X': placed('X'),
  'hsm.key': `{"provider": "nitrokeyhsm", "blob": "${'QUJD'.repeat(20_000)}"}`,
};
const OLD = '/mnt/psi/test/host/fixtures/python-psi.ts';

/** Where things are in each scope. */
export type Places = {
  readonly config: string;
  readonly state: string;
  readonly quadlets: string;
  readonly units: string;
  readonly runtimeUnits: string;
  readonly conf: string;
  readonly runtime: string;
  readonly systemctl: string;
  readonly target: string;
};

export const SYSTEM: Places = {
  ...{ config: '/etc/psi', state: '/var/lib/psi', quadlets: '/etc/containers/systemd', units: '/etc/systemd/system' },
  ...{ conf: '/etc/containers/containers.conf.d', runtime: '/run', runtimeUnits: '/run/systemd/system' },
  ...{ systemctl: 'systemctl', target: 'multi-user.target' },
};

const CONFIG = `${HOME}/.config`;
export const USER: Places = {
  ...{ config: `${CONFIG}/psi`, state: `${HOME}/.local/share/psi`, quadlets: `${CONFIG}/containers/systemd` },
  ...{ units: `${CONFIG}/systemd/user`, conf: `${CONFIG}/containers/containers.conf.d` },
  ...{ runtime: '/run/user/1000', runtimeUnits: '/run/user/1000/systemd/user' },
  ...{ systemctl: 'systemctl --user', target: 'default.target' },
};

export type OldHost = {
  /** Who runs it: root, or the user. */
  readonly host: HostCommands;
  readonly root: Host;
  readonly mode: 'native' | 'container';
  readonly places: Places;
  /** Up to the words of psi, and without an image. */
  readonly podmanRun: string;
};

const socketOf = ({ runtime }: Places): string => `${runtime}/psi/psi.sock`;

function placed(key: string): string {
  return `{"provider": "infisical", "project": "main", "path": "/app", "key": "${key}"}`;
}

/** Traps 1 and 2: its end takes its folder, and it comes back by itself. */
function serverUnit({ mode, places }: OldHost): string {
  const { config, state } = places;
  const env = { OLD_STATE: state, OLD_SOCKET: socketOf(places), OLD_VALUES: `${config}/values.json` };
  const lines = Object.entries(env).map(([name, value]) => `Environment=${name}=${value}`);
  const service = ['[Service]', 'Restart=on-failure', 'RuntimeDirectory=psi'];
  if (mode === 'native') return [...service, ...lines, `ExecStart=/usr/local/bin/node ${OLD} serve`].join('\n');
  const folders = ['/mnt/psi', config, state, '/run/psi'].map((folder) => `Volume=${folder}:${folder}`);
  return [
    ...['[Container]', 'ContainerName=psi-secrets', `Image=${PSI_IMAGE}`, 'Network=host'],
    ...[`Entrypoint=["node","${OLD}"]`, 'Exec=serve', ...folders, ...lines],
    'Volume=/run/credentials/psi-secrets.service:/run/credentials:ro',
    'Environment=CREDENTIALS_DIRECTORY=/run/credentials',
    ...service,
  ].join('\n');
}

const ONESHOT = '[Service]\nType=oneshot\nRemainAfterExit=yes\n';

/** Its units, by the paths that its `psi systemd install` and `psi nitrokeyhsm setup-pcscd` gave them. */
function unitsOf(old: OldHost): Readonly<Record<string, string>> {
  const { mode, places } = old;
  const { quadlets, units, target, systemctl } = places;
  const [folder, suffix] = mode === 'native' ? [units, 'service'] : [quadlets, 'container'];
  const install = `[Install]\nWantedBy=${target}\n`;
  const setup =
    mode === 'native'
      ? `${ONESHOT}ExecStart=/bin/true\n`
      : `[Container]\nImage=localhost/psi-busybox:test\nNetwork=none\nExec=true setup\n${ONESHOT}`;
  const needs = 'Requires=psi-secrets.service\nAfter=psi-secrets.service\n';
  return {
    [`${folder}/psi-secrets.${suffix}`]: `[Unit]\nDescription=PSI secret lookup service\n${serverUnit(old)}\n${install}`,
    [`${folder}/psi-infisical-setup.${suffix}`]: `[Unit]\nDescription=PSI infisical secrets setup\n${needs}${setup}${install}`,
    [`${units}/psi-infisical-refresh.service`]: `[Unit]\nDescription=PSI infisical secret cache refresh\n[Service]\nType=oneshot\nExecStart=/usr/bin/${systemctl} restart psi-infisical-setup.service\n`,
    [`${units}/psi-infisical-refresh.timer`]:
      '[Unit]\nDescription=Periodic PSI infisical secret cache refresh\n[Timer]\nOnActiveSec=2\nOnUnitActiveSec=2\nUnit=psi-infisical-refresh.service\n[Install]\nWantedBy=timers.target\n',
    ...(mode === 'native' ? {} : smartCards(quadlets)),
  };
}

function smartCards(quadlets: string): Readonly<Record<string, string>> {
  const container = [
    ...['[Unit]', 'Description=pcscd smartcard daemon for HSM access', 'Before=psi-secrets.service'],
    ...['[Container]', 'ContainerName=pcscd', 'Image=localhost/psi-busybox:test', 'Network=none', 'StopTimeout=0'],
    ...['Exec=sleep infinity', 'Volume=pcscd-socket.volume:/run/pcscd:rw', '[Install]', 'WantedBy=multi-user.target'],
  ];
  return {
    [`${quadlets}/pcscd.container`]: `${container.join('\n')}\n`,
    [`${quadlets}/pcscd-socket.volume`]: '[Volume]\nVolumeName=pcscd-socket\n',
  };
}

function driverConf(places: Places, token: string): string {
  const call = `curl -sf -H 'Authorization: Bearer ${token}' --unix-socket ${socketOf(places)}`;
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
async function writeToken({ host, root, places }: OldHost): Promise<void> {
  const ofUser = places === USER;
  const line = ofUser ? `Environment=PSI_SOCKET_TOKEN=${TOKEN}` : 'LoadCredentialEncrypted=psi-socket-token';
  await host.write(`${places.units}/psi-secrets.service.d/token.conf`, `[Service]\n${line}\n`);
  if (ofUser) return;
  await root.ok('mkdir -p /etc/credstore.encrypted');
  await root.ok(
    'systemd-creds encrypt --with-key=host --name=psi-socket-token - /etc/credstore.encrypted/psi-socket-token',
    { input: TOKEN },
  );
}

export async function layOut(old: OldHost): Promise<void> {
  const { host, mode, places } = old;
  const { config, conf, quadlets, state, systemctl, units } = places;
  const text = configText(STAGE).replace('providers:', 'providers:\n  nitrokeyhsm:\n    pin: "1234"');
  await host.write(`${config}/config.yaml`, `scope: system\n${text}`, 0o600);
  await host.write(`${config}/values.json`, JSON.stringify(VALUES));
  await host.ok(`mkdir -p ${state}`);
  for (const [path, unit] of Object.entries(unitsOf(old))) await host.write(path, unit);
  await writeToken(old);
  // Trap 6: it goes on applying to whatever unit has the name.
  await host.write(`${units}/psi-infisical-refresh.timer.d/often.conf`, '[Timer]\nAccuracySec=1\n');
  await host.write(`${conf}/psi.conf`, driverConf(places, TOKEN), 0o600);
  await host.ok(`${systemctl} daemon-reload`);
  if (mode === 'native') await host.ok(`${systemctl} enable psi-secrets.service psi-infisical-setup.service`);
  else await host.ok(`${systemctl} start pcscd.service`);
  await host.ok(`${systemctl} enable --now podman.socket`);
  await host.ok(`${systemctl} start psi-secrets.service`);
  await host.until(`curl -sf --unix-socket ${socketOf(places)} http://localhost/healthz`);
  await host.ok(`${systemctl} start psi-infisical-setup.service`);
  await host.ok(`${systemctl} enable --now psi-infisical-refresh.timer`);
  // Systemd stops it with the old server.
  await host.write(
    `${units}/web.service`,
    '[Unit]\nRequires=psi-secrets.service\n[Service]\nExecStart=sleep infinity\n',
  );
  const wants = '[Unit]\nWants=psi-secrets.service\n[Service]\nType=oneshot\nExecStart=true\n';
  await host.write(`${units}/wants.service`, wants);
  await host.ok(`${systemctl} daemon-reload; ${systemctl} start web.service`);
  await layOutSecrets(old);
  // Trap 10: with a token of later, by which no secret was made.
  await host.write(`${conf}/psi.conf`, driverConf(places, 'token-of-later'), 0o600);
  await host.write(`${quadlets}/app.container`, sleeper());
  const lines = SECRETS.map((name) => `Secret=${name},type=env,target=${name.slice(-1)}`).join('\n');
  await host.write(`${quadlets}/app.container.d/50-secrets.conf`, `[Container]\n${lines}\n`);
}

/** Traps 11, 16 to 18 and 22: what else lies in its folder. */
async function layOutSecrets({ host, places }: OldHost): Promise<void> {
  const { state } = places;
  const mappings = { ...Object.fromEntries(SECRETS.map((name) => [name, placed(name.slice(-1))])), ...OTHERS };
  for (const [name, mapping] of Object.entries(mappings))
    await host.ok(`podman secret create ${name} -`, { input: mapping });
  await host.write(`${state}/my-hsm-name`, OTHERS['hsm.key'], 0o600);
  await host.write(`${state}/cache.enc`, new TextEncoder().encode('PSIC\u0001\u0001and the rest of it'), 0o600);
  await host.write(`${state}/.token.45ff188bfaa7.json`, '{"access_token":"old","expires_at":9999999999.0}', 0o600);
}

/**
 * Starts one after another, calls of the driver much more often, and now and then something that brings the old server with it, until a file
 * is gone; what went wrong is in another.
 */
function loop({ places }: OldHost): string {
  const { runtime, systemctl } = places;
  const podman = `podman run --rm --network=none --secret app--A,type=env,target=A --secret app--B,type=env,target=B`;
  return `
cd ${runtime}; rm -f failed ran asked; touch starting
while [ -e starting ]; do
  curl -sf --max-time 20 -H 'Authorization: Bearer ${TOKEN}' --unix-socket ${socketOf(places)} http://localhost/list >/dev/null || echo "list: $?" >>failed
  echo >>asked; sleep 0.03
done &
while [ -e starting ]; do
  ${systemctl} start wants.service; sleep 0.5
done &
while [ -e starting ]; do
  said=$(${podman} localhost/psi-busybox:test sh -c 'echo "$A, $B"' 2>&1)
  [ "$said" = "value a, value b" ] || echo "$said" >>failed
  echo >>ran
done
wait`;
}

const STEP = /^(?:write|move|remove|link|start|stop|restart|reload|install|setup|socket|revive) /;

/**
 * One run, killed with its container (without its caller alone it would go on) as soon as it has done a step that none before it came to.
 * Answers with the steps that were new.
 */
function killedOnce({ podmanRun, places }: OldHost, run: number): string {
  const { runtime } = places;
  const name = `migrating-${String(run)}`;
  const pid = `${runtime}/migrating.pid`;
  const named = podmanRun.replace('podman run', `podman run --name ${name} --pidfile ${pid}`);
  return `
node /mnt/psi/test/host/fixtures/killed-run.ts ${runtime}/seen ${pid} \
  ${named} ${PSI_IMAGE} migrate --image ${PSI_IMAGE} --apply
podman rm -f -i -t 0 ${name} >/dev/null 2>&1`;
}

/** Far more than a plan has steps. */
const MOST_RUNS = 80;
/** Of a run that came to its end, be it that the one before was killed after its last step. */
const ENDED = /^(?:\d+ steps done|nothing of the Python PSI is to be moved here)$/m;

/** Until a run comes to its end. */
async function killedOnTheWay(old: OldHost): Promise<readonly string[]> {
  const steps: string[] = [];
  for (let run = 0; run < MOST_RUNS; run += 1) {
    const { stdout, stderr } = await old.host.run(killedOnce(old, run));
    assert.doesNotMatch(stderr, /^error:/m, `after ${steps.join('\n')}`);
    steps.push(...stdout.split('\n').filter((line) => STEP.test(line)));
    if (ENDED.test(stdout)) return steps;
  }
  throw new Error(`no run came to its end: ${steps.join('\n')}`);
}

/**
 * Shows the plan, carries it out through kills, and looks at what there is then. `says`: lines of the plan beside its steps. Answers with the
 * steps.
 */
export async function assertComesOver(old: OldHost, says: readonly RegExp[]): Promise<readonly string[]> {
  const { host, places, podmanRun } = old;
  const { runtime } = places;
  const names = (): Promise<string> => host.ok('podman secret ls --format "{{.Name}}" | sort');
  const before = await names();
  const plan = await host.run(`${podmanRun} ${PSI_IMAGE} migrate --image ${PSI_IMAGE}`);
  assert.equal(plan.code, 3, plan.stdout + plan.stderr);
  for (const line of says) assert.match(plan.stderr, line);
  assert.doesNotMatch(plan.stdout + plan.stderr, new RegExp(`${TOKEN}|token-of-later`));
  assert.equal(await asked(old, ''), '401');
  const steps = plan.stdout.split('\n').filter((line) => STEP.test(line));

  const looping = host.run(loop(old));
  try {
    await host.until(`test "$(wc -l <${runtime}/ran)" -gt 2`);
    const done = await killedOnTheWay(old);
    // Killed between a step and its line, or in a step that is done in the next run, some are not among them.
    assert.ok(done.length > (2 * steps.length) / 3, done.join('\n'));
    // Whatever would bring the old server back has had its time: its timer came every two seconds.
    const ran = Number(await host.ok(`wc -l <${runtime}/ran`));
    await host
      .until(`test "$(wc -l <${runtime}/ran)" -gt ${String(ran + 6)}`, 180_000)
      .catch(async (cause: unknown) => {
        throw new Error(`no start comes to its end: ${await shown(old)}`, { cause });
      });
  } finally {
    await host.ok(`rm -f ${runtime}/starting`);
    await looping;
  }
  assert.equal((await host.run(`cat ${runtime}/failed`)).stdout, '');
  assert.equal(await names(), before);
  return steps;
}

/** What the starts said, what runs, and the end of the journal. */
async function shown({ host, places }: OldHost): Promise<string> {
  const look = `cat ${places.runtime}/failed; ps axfo pid,ppid,etimes,stat,wchan:20,args; journalctl -n 200 --no-pager`;
  return (await host.run(look)).stdout;
}

/** The status of a lookup. */
export async function asked({ host, places }: OldHost, header: string): Promise<string> {
  const id = `$(podman secret inspect --format '{{.ID}}' app--A)`;
  return host.ok(
    `curl -s -o /dev/null -w '%{http_code}' ${header} --unix-socket ${socketOf(places)} "http://localhost/lookup/${id}"`,
  );
}

export const BEARER = `-H 'Authorization: Bearer ${TOKEN}'`;

/** Traps 5, 7, 9 and 2: whose commands, token, units and path there are now. */
export async function assertIsOurs(old: OldHost): Promise<void> {
  const { host, places, podmanRun } = old;
  const { systemctl, runtime } = places;
  const lookups = await host.ok(
    `podman secret inspect --format '{{index .Spec.Driver.Options "lookup"}}' ${SECRETS.join(' ')}`,
  );
  assert.doesNotMatch(lookups, new RegExp(TOKEN));
  assert.equal((lookups.match(/psi-lookup/g) ?? []).length, SECRETS.length, lookups);
  assert.equal(await asked(old, ''), '401');
  assert.equal(await asked(old, BEARER), '200');
  // Its name is one of ours, by which nothing of it comes back.
  assert.match(await host.ok(`${systemctl} show -P Id psi-secrets.service`), /^psi\.service$/m);
  await host.ok(`${systemctl} start psi-secrets.service && test -S ${runtime}/psi/psi.sock`);
  await host.ok(`${systemctl} is-active web.service`);
  const setup = await host.ok(`${systemctl} show -P ExecStart psi-infisical-setup.service`);
  assert.match(setup, /podman exec psi psi setup/);
  const again = await host.run(`${podmanRun} ${PSI_IMAGE} migrate --apply`);
  assert.equal(again.code, 0, again.stdout + again.stderr);
  assert.match(again.stdout, /^nothing of the Python PSI is to be moved here$/m);
  await host.ok(`${systemctl} restart psi.socket`);
  assert.equal(await asked(old, BEARER), '200');
}

/** Traps 4, 6, 11, 18 and 22: which files are out of use, which are ours now, and which were nobody's to touch. */
export async function assertFiles({ host, places }: OldHost): Promise<void> {
  const { config, conf, quadlets, runtimeUnits, state, units } = places;
  const aside = [
    ...[`${units}/psi-secrets.service.d/token.conf`, `${units}/psi-infisical-refresh.timer.d/often.conf`],
    `${state}/cache.enc`,
  ];
  for (const path of aside) await host.ok(`test -e ${path}.python && test ! -e ${path}`);
  const gone = [
    ...[`${config}/migrate.owed`, `${conf}/psi.conf`, `${state}/.token.45ff188bfaa7.json`],
    ...[`${runtimeUnits}/psi-secrets.service.d`, `${units}/psi-secrets.service`, `${quadlets}/psi-secrets.container`],
  ];
  for (const path of gone) await host.ok(`test ! -e ${path}/* && test ! -f ${path}`);
  await host.ok(`test -e ${config}/config.yaml.python && test -e ${state}/my-hsm-name`);
  for (const name of ['psi-infisical-setup.service', 'psi-infisical-refresh.timer', 'psi.socket'])
    assert.match(await host.read(`${units}/${name}`), /^# Written by PSI/, name);
  const id = (await host.ok(`podman secret inspect --format '{{.ID}}' hsm.key`)).trim();
  assert.equal(await host.read(`${state}/${id}`), OTHERS['hsm.key']);
}
