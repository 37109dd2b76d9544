// Secrets of PSI itself on a real host: the client secret as a systemd credential, the socket token in a file that rotates.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answerOf } from '../hosts/answer.ts';
import { CREDENTIALS, onEachRoot, sleeper, startPsiHost, type PsiHost } from './psi-host.ts';

await onEachRoot(({ suite, supported, options }) => {
  let stage: PsiHost;
  before(async () => {
    if (!supported) return;
    stage = await startPsiHost({
      suite,
      folders: { '/myapp': { A: 'value-a', B: 'value-b' } },
      workloads: { myapp: { secrets: [{ project: 'main', path: '/myapp' }] } },
      quadlets: { 'myapp.container': sleeper() },
      config: { socket_token: { file: '/etc/psi/socket-token' } },
      provider: {
        auth: {
          method: 'universal-auth',
          client_id: CREDENTIALS.clientId,
          client_secret: { credential: 'infisical-client-secret' },
        },
      },
      prepare: async (host) => {
        await host.write('/etc/psi/socket-token', 'token-one', 0o600);
        const file = '/etc/credstore.encrypted/infisical-client-secret';
        await host.ok(`mkdir -p -m 0700 /etc/credstore.encrypted`);
        await host.ok(['systemd-creds', 'encrypt', '--with-key=host', '--name=infisical-client-secret', '-', file], {
          input: CREDENTIALS.clientSecret,
        });
      },
    });
    await stage.setup();
  });
  after(async () => {
    if (supported) await stage.stop();
  });

  test('logs in with a client secret that only systemd can decrypt', options, async () => {
    await stage.host.ok('systemctl start myapp.service');
    assert.equal((await stage.environ('systemd-myapp')).get('A'), 'value-a');
    const found = await stage.host.run([
      'grep',
      '-rlsF',
      CREDENTIALS.clientSecret,
      '/etc',
      '/var/lib/psi',
      '/run/systemd/generator',
    ]);
    assert.equal(found.stdout, '');
  });

  test('refuses whoever does not send the socket token', options, async () => {
    const answer = await stage.host.ok(
      'curl -s --unix-socket /run/psi/psi.sock -o /dev/null -w "%{http_code}" http://localhost/list',
    );
    assert.equal(answer, '401');
  });

  test('a rotated socket token is one header file and no secret, and no start fails', options, async () => {
    const secrets = await stage.host.read('/var/lib/containers/storage/secrets/secrets.json');
    await stage.host.write('/etc/psi/socket-token', 'token-two', 0o600);
    const planned = await stage.psi('setup', '--dry-run', '--json');
    const { changes } = answerOf(planned.stdout) as { changes: { action: string }[] };
    assert.deepEqual([planned.code, changes.map(({ action }) => action)], [3, ['write-header']]);
    await stage.host.ok('systemctl restart myapp.service');
    assert.match(await stage.setup(), /1 change, 2 unchanged/);
    await stage.host.ok('systemctl restart myapp.service');
    assert.equal(await stage.host.read('/var/lib/containers/storage/secrets/secrets.json'), secrets);
    assert.match(await stage.host.read('/var/lib/psi/driver.hdr'), /token-two/);
    const old = await stage.host.ok(
      'curl -s -H "Authorization: Bearer token-one" --unix-socket /run/psi/psi.sock -o /dev/null -w "%{http_code}" http://localhost/list',
    );
    assert.equal(old, '401', 'the old token is worth nothing any more');
  });

  test('the token stands in no command line and in no entry of Podman', options, async () => {
    assert.doesNotMatch(await stage.host.ok('podman secret inspect $(podman secret ls -q)'), /token-(one|two)/);
  });
});
