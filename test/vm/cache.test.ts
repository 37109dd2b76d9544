// The cache on a machine with a TPM of its own (/dev/tpmrm0), real reboots and a kernel of its own: what no container host can show.
// One machine serves both tests, as it takes a minute to start; each sets it up anew for its own key.
import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { after, before, test } from 'node:test';
import { answerOf } from '../hosts/answer.ts';
import { imageStore, imageSupport } from '../hosts/image.ts';
import { steps } from '../hosts/steps.ts';
import { startVm, VM_GATEWAY, vmSupport, type Vm } from '../hosts/vm.ts';
import { startInfisicalDouble, type InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import { decode, seedCodec } from '../doubles/infisical/codec.ts';
import { configText, CREDENTIALS, installPsi, PROJECT, seedOf, sleeper } from '../host/psi-host.ts';

const machine = await vmSupport();
const support = machine.ok ? await imageSupport() : machine;
const options = { skip: support.ok ? false : support.reason };

const FOLDERS = { '/myapp': { TOKEN: 'value-first', MULTI: 'two\n "lines" grüezi' } };
const COUNT = Object.keys(FOLDERS['/myapp']).length;
const KEY = '/etc/credstore.encrypted/psi-cache-key';

const SEALED = { backend: 'tpm', tpm: { pcrs: [7] } };
const SECRET = '/etc/credstore.encrypted/infisical-client-secret';

/** The emulated processor takes ten seconds to start a Node. */
const SLOW_MACHINE = {
  config: { lookup: { timeout: '120s' } },
  files: {
    '/etc/containers/systemd/psi.container.d/slow-machine.conf':
      '[Container]\nHealthTimeout=120s\nHealthStartupTimeout=120s\nHealthInterval=600s\nHealthStartupInterval=10s\n',
  },
};

let double: InfisicalDouble;
let vm: Vm;

const config = (cache: unknown, provider: object = {}): string =>
  configText({
    workloads: { myapp: { secrets: [{ project: 'main', path: '/myapp' }] } },
    config: { ...SLOW_MACHINE.config, cache },
    provider: { api_url: double.url.replace('127.0.0.1', VM_GATEWAY), allow_http: true, ...provider },
  });

before(async () => {
  if (!support.ok) return;
  double = await startInfisicalDouble({ seed: decode(seedCodec, seedOf({ folders: FOLDERS })) });
  vm = await startVm({
    imageStore: await imageStore(),
    files: {
      ...SLOW_MACHINE.files,
      '/etc/containers/systemd/myapp.container': sleeper('[Install]', 'WantedBy=multi-user.target'),
    },
  });
});
after(async () => {
  if (!support.ok) return;
  await vm.stop();
  await double.close();
});

test('a key that is sealed to the TPM', options, async (t) => {
  await steps(t, {
    'is made by the setup, and holds what workloads get': async () => {
      await installWith(SEALED);
      await assertWorkloadHas(FOLDERS['/myapp']);
      await assertVerified();
    },
    'opens after a reboot in an outage with a typo in the config: the workload starts by itself, with its values':
      async () => {
        const good = config(SEALED);
        await vm.write('/etc/psi/config.yaml', `${good}workload: {}\n`, 0o600);
        await rebootInOutage();
        await assertWorkloadHas(FOLDERS['/myapp']);
        await assertVerified();
        assert.match(await vm.ok('podman exec psi psi status || true'), /config\.yaml:\d+:1 workload: /);
        await vm.write('/etc/psi/config.yaml', good, 0o600);
      },
    'does not open once a PCR has moved: PSI names it and what to run, and lookups are live': async () => {
      await endOutage();
      await vm.ok(`tpm2_pcrextend 7:sha256=${'5a'.repeat(32)}`);
      await vm.ok('systemctl restart psi.service');
      const { problem } = await cacheStatus();
      assert.match(problem?.message ?? '', /PCR 7\b/);
      assert.match(problem?.hint ?? '', /psi cache refresh/);
      assert.match(await vm.journal('psi.service'), /PCR 7\b/);
      await assertServesLive('value-second');
    },
    'is sealed by a refresh for the PCR as it is now': async () => {
      await vm.ok(['podman', 'exec', 'psi', 'psi', 'cache', 'refresh']);
      await assertVerified();
    },
  });
});

test('a key that systemd-creds has bound to the TPM', options, async (t) => {
  await steps(t, {
    'opens after a reboot in an outage with a client secret that nothing decrypts: the workload starts by itself':
      async () => {
        await vm.ok(
          `mkdir -p -m 0700 ${KEY.slice(0, KEY.lastIndexOf('/'))} && head -c 32 /dev/urandom | ` +
            `systemd-creds encrypt --with-key=tpm2 --tpm2-pcrs=15 --name=psi-cache-key - ${KEY}`,
        );
        await encryptClientSecret();
        const { clientId } = CREDENTIALS;
        const auth = { method: 'universal-auth', client_id: clientId, client_secret: { credential: basename(SECRET) } };
        await installWith({ backend: 'credential' }, { auth });
        // The same as what a cleared TPM or a lost host key does.
        await vm.write(SECRET, 'bm90IG9uZQ==\n', 0o600);
        await rebootInOutage();
        await assertWorkloadHas(FOLDERS['/myapp']);
        await assertVerified();
      },
    'asks Infisical again once the client secret is made anew and its unit restarted': async () => {
      assert.match(await vm.ok('podman exec psi psi status || true'), /infisical-client-secret/);
      await encryptClientSecret();
      await vm.ok(`systemctl restart psi-credential@${basename(SECRET)}.service`);
    },
    'does not open once a PCR has moved: PSI says what to look at, and lookups are live': async () => {
      await endOutage();
      await vm.ok(`tpm2_pcrextend 15:sha256=${'5a'.repeat(32)}`);
      await vm.run('systemctl restart psi-cache-key.service');
      await vm.ok('systemctl restart psi.service');
      const { problem } = await cacheStatus();
      assert.match(problem?.message ?? '', /psi-cache-key cannot be read/);
      assert.match(problem?.hint ?? '', /systemctl status psi-cache-key/);
      await assertServesLive('value-third');
    },
  });
});

async function encryptClientSecret(): Promise<void> {
  await vm.ok(['systemd-creds', 'encrypt', '--with-key=tpm2', `--name=${basename(SECRET)}`, '-', SECRET], {
    input: CREDENTIALS.clientSecret,
  });
}

/** As an operator does, on a machine that has or has not had PSI before. */
async function installWith(cache: unknown, provider?: object): Promise<void> {
  await vm.run('systemctl stop psi-infisical-setup.service psi.service');
  await double.acceptConnections();
  setToken(FOLDERS['/myapp'].TOKEN);
  await vm.write('/etc/psi/config.yaml', config(cache, provider), 0o600);
  await installPsi(vm);
  await vm.ok(['podman', 'exec', 'psi', 'psi', 'setup']);
  await vm.ok('systemctl restart myapp.service');
}

async function rebootInOutage(): Promise<void> {
  await double.refuseConnections();
  await vm.reboot();
  // systemd starts it; nobody here does.
  await vm.until('systemctl is-active myapp.service', 600_000);
}

async function endOutage(): Promise<void> {
  await double.acceptConnections();
  // Started by the boot, it would seal the cache anew for the PCRs as they are.
  await vm.run('systemctl stop psi-infisical-setup.service');
}

function setToken(value: string): void {
  double.state.setSecret({ project: PROJECT, environment: 'prod', path: '/myapp', key: 'TOKEN', value });
}

type CacheStatus = {
  readonly state: string;
  readonly entries: number;
  readonly problem: { readonly message: string; readonly hint: string } | null;
  readonly verified: { readonly ok: boolean; readonly entries: number } | null;
};

async function cacheStatus(): Promise<CacheStatus> {
  const { stdout } = await vm.run(['podman', 'exec', 'psi', 'psi', 'cache', 'status', '--verify', '--json']);
  return answerOf(stdout) as CacheStatus;
}

/** The file on disk opens, now, with what the TPM or systemd gives. */
async function assertVerified(): Promise<void> {
  const { verified, problem } = await cacheStatus();
  assert.deepEqual([verified?.ok, verified?.entries, problem], [true, COUNT, null]);
}

/** With a value that no cache can have. */
async function assertServesLive(value: string): Promise<void> {
  setToken(value);
  await vm.ok('systemctl restart myapp.service');
  await assertWorkloadHas({ ...FOLDERS['/myapp'], TOKEN: value });
}

async function assertWorkloadHas(values: Readonly<Record<string, string>>): Promise<void> {
  const pid = (await vm.ok(['podman', 'inspect', '--format', '{{.State.Pid}}', 'systemd-myapp'])).trim();
  const environment = (await vm.ok(['cat', `/proc/${pid}/environ`])).split('\0');
  for (const [key, value] of Object.entries(values)) assert.ok(environment.includes(`${key}=${value}`), key);
}
