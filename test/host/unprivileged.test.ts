// PSI with the least rights that work instead of --privileged: the main job, and a certificate with its hook.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PROJECT, psiHostSupport, sleeper, startPsiHost, type PsiHost } from './psi-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const VALUES = { TOKEN: 'value of a token', MULTI: 'two\nlines $HOME %h', EMPTY: '' };
const FILE = 'as a file\n';
const PROFILE = '3d2a9c11-0000-4000-8000-000000000001';
const CERT = '/etc/pki/web/certs/web.pem';
const KEY = '/etc/pki/web/private/web.key';
const CHAIN = '/etc/pki/web/certs/chain.pem';
const RELOADED = '/root/reloaded by the hook';

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost({
    flags: ['--unprivileged'],
    folders: { '/myapp': VALUES, '/files': { 'token.txt': FILE } },
    workloads: {
      myapp: {
        secrets: [
          { project: 'main', path: '/myapp' },
          { project: 'main', path: '/files', as: 'mount', mode: '0400' },
        ],
      },
    },
    quadlets: { 'myapp.container': sleeper() },
    seed: { profiles: [{ id: PROFILE, project: PROJECT }] },
    provider: {
      tls: {
        certificates: {
          web: {
            project: 'main',
            profile_id: PROFILE,
            common_name: 'web.example.com',
            alt_names: [{ type: 'dns_name', value: 'web.example.com' }],
            output: { cert: CERT, key: KEY, chain: CHAIN },
            hooks: [['touch', RELOADED]],
          },
        },
      },
    },
  });
  await stage.setup();
});
after(async () => {
  if (support.ok) await stage.stop();
});

test('runs without capabilities and without a way to get one', options, async () => {
  const shown = await stage.host.ok(
    'podman inspect psi --format "{{.HostConfig.Privileged}} {{.HostConfig.ReadonlyRootfs}}"',
  );
  assert.equal(shown.trim(), 'false true');
  const pid = (await stage.host.ok('podman inspect psi --format "{{.State.Pid}}"')).trim();
  const status = await stage.host.ok(['cat', `/proc/${pid}/status`]);
  for (const set of ['CapEff', 'CapPrm', 'CapBnd']) assert.match(status, new RegExp(`^${set}:\\s+0{16}$`, 'm'));
  assert.match(status, /^NoNewPrivs:\s+1$/m);
});

test('a workload starts with every value and file byte for byte', options, async () => {
  await stage.host.ok('systemctl start myapp.service');
  const environ = await stage.environ('systemd-myapp');
  for (const [key, value] of Object.entries(VALUES)) assert.equal(environ.get(key), value, key);
  assert.equal(await stage.host.ok('podman exec systemd-myapp cat /run/secrets/token.txt'), FILE);
});

test('a certificate is issued, and its hook runs on the host', options, async () => {
  const { code, stdout, stderr } = await stage.psi('infisical', 'tls', 'issue');
  assert.equal(code, 0, stdout + stderr);
  await stage.host.ok(['test', '-e', RELOADED]);
  assert.equal((await stage.host.ok(`stat -L -c '%a %U' ${KEY} ${CERT}`)).trim(), '600 root\n640 root');
  assert.equal(
    await stage.host.ok(`openssl x509 -in ${CERT} -noout -pubkey`),
    await stage.host.ok(`openssl pkey -in ${KEY} -pubout`),
  );
});
