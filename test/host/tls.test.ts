// Certificates on a real host: ordered and renewed from PSI's container, served by a TLS server of the host that a hook reloads.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answerOf } from '../hosts/answer.ts';
import { PROJECT, psiHostSupport, startPsiHost, type PsiHost, type PsiHostOptions } from './psi-host.ts';
import { steps } from '../hosts/steps.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const PROFILE = '3d2a9c11-0000-4000-8000-000000000000';
const CERT = '/etc/pki/web/certs/web.pem';
const KEY = '/etc/pki/web/private/web.key';
const CHAIN = '/etc/pki/web/certs/chain.pem';
const PORT = '8443';
const LITERAL = '/root/a hook of $HOME and %n';
const RELOAD = ['systemctl', 'reload-or-restart', 'tls-server.service'];
const FAILING = ['sh', '-c', 'test -e /root/mended || { echo not mended yet; exit 3; }'];

const wanted = (...hooks: readonly (readonly string[])[]): PsiHostOptions => ({
  folders: {},
  workloads: {},
  seed: { profiles: [{ id: PROFILE, project: PROJECT }] },
  provider: {
    tls: {
      certificates: {
        web: {
          project: 'main',
          profile_id: PROFILE,
          common_name: 'web.example.com',
          alt_names: [
            { type: 'dns_name', value: 'web.example.com' },
            { type: 'ip_address', value: '127.0.0.1' },
          ],
          output: { cert: CERT, key: KEY, chain: CHAIN },
          hooks,
        },
      },
    },
  },
});

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost({
    ...wanted(RELOAD, ['touch', LITERAL]),
    prepare: async (host) => {
      const serve = [host.node, `${host.tree}/test/host/fixtures/tls-server.ts`, CERT, KEY, CHAIN, PORT].join(' ');
      await host.write(
        '/etc/systemd/system/tls-server.service',
        `[Service]\nType=exec\nExecStart=${serve}\nExecReload=kill -HUP $MAINPID\n`,
      );
      await host.ok('systemctl daemon-reload');
    },
  });
});
after(async () => {
  if (support.ok) await stage.stop();
});

const tls = (...args: readonly string[]): ReturnType<PsiHost['psi']> => stage.psi('infisical', 'tls', ...args);
const serialOf = async (path: string): Promise<string> =>
  (await stage.host.ok(`openssl x509 -in ${path} -noout -serial`)).trim().replace('serial=', '');
const served = `openssl s_client -connect 127.0.0.1:${PORT} </dev/null 2>/dev/null | openssl x509 -noout -serial`;
const untilServed = (serial: string): Promise<void> => stage.host.until(`${served} | grep -qx serial=${serial}`);

test(
  'a certificate lives on a host: issued, served, renewed under load, its hooks run, its timer set',
  options,
  async (t) => {
    await steps(t, {
      'an issued certificate is in place with its key and verifies against the root': async () => {
        const { code, stdout, stderr } = await tls('issue');
        assert.equal(code, 0, stdout + stderr);
        assert.match(stdout, /^web: issued, ends on /m);
        await stage.host.write('/root/root.pem', await stage.double('GET', '/pki/root'));
        await stage.host.ok(
          `openssl verify -CAfile /root/root.pem -untrusted ${CHAIN} -verify_hostname web.example.com ${CERT}`,
        );
        assert.equal(
          await stage.host.ok(`openssl x509 -in ${CERT} -noout -pubkey`),
          await stage.host.ok(`openssl pkey -in ${KEY} -pubout`),
        );
        assert.equal((await stage.host.ok(`stat -L -c '%a %U' ${KEY} ${CERT}`)).trim(), '600 root\n640 root');
      },
      'hooks ran on the host, as argv and without a shell': async () => {
        await untilServed(await serialOf(CERT));
        await stage.host.ok(['test', '-e', LITERAL]);
        const units = await stage.host.ok('systemctl list-units --all --plain --no-legend "psi-hook-*"');
        assert.equal(units.trim(), '');
      },
      'renewals under load reach the server by its reload, and no request fails': async () => {
        await stage.host.startNode({
          unit: 'tls-client',
          script: 'test/host/fixtures/tls-client.ts',
          args: [PORT, '/root/root.pem', '/root/stop', '/root/result.json'],
        });
        const seen = [await serialOf(CERT)];
        for (let renewal = 0; renewal < 5; renewal += 1) {
          const { code, stdout, stderr } = await tls('renew', '--force');
          assert.equal(code, 0, stdout + stderr);
          assert.match(stdout, /^web: renewed, /m);
          seen.push(await serialOf(CERT));
          await untilServed(seen.at(-1) ?? '');
        }
        await stage.host.ok('touch /root/stop');
        await stage.host.until('test -e /root/result.json');
        const { requests, failures, serials } = JSON.parse(await stage.host.read('/root/result.json')) as {
          readonly requests: number;
          readonly failures: readonly string[];
          readonly serials: readonly string[];
        };
        assert.deepEqual(failures, []);
        assert.ok(requests > 20, String(requests));
        assert.equal(new Set(seen).size, 6);
        assert.deepEqual(
          serials.filter((serial) => !seen.includes(serial)),
          [],
        );
        assert.ok(serials.includes(seen.at(-1) ?? '') && serials.length > 2, serials.join());
      },
      'a hook that fails is reported with its words, owed, and run again': async () => {
        await stage.writeConfig(wanted(FAILING, RELOAD));
        const failed = await tls('renew', '--force');
        assert.equal(failed.code, 1);
        assert.match(failed.stderr, /hook sh -c .*: exit status 3\n {2}not mended yet\nhint: /);
        assert.match(failed.stdout, /hook systemctl reload-or-restart tls-server\.service: done/);
        await untilServed(await serialOf(CERT));
        assert.match((await tls('status')).stdout, /hook still to run: sh -c /);
        await stage.host.ok('touch /root/mended');
        const { code, stdout } = await tls('renew');
        assert.equal(code, 0);
        assert.match(stdout, /^web: kept, .*\nweb: hook sh -c .*: done$/m);
        assert.doesNotMatch(stdout, /systemctl/);
        assert.equal((await tls('renew')).stdout.split('\n').filter((line) => line.includes('hook')).length, 0);
      },
      'the timer is there, and its service does the renewal': async () => {
        await stage.host.ok('systemctl start psi-tls-renew.timer');
        await stage.host.ok('systemctl start psi-tls-renew.service');
        const status = answerOf((await tls('status', '--json')).stdout) as {
          readonly nextRun: string | null;
          readonly certificates: readonly { readonly condition: string; readonly daysLeft: number }[];
        };
        assert.ok(status.nextRun !== null && Date.parse(status.nextRun) > Date.now(), String(status.nextRun));
        assert.deepEqual(
          status.certificates.map(({ condition, daysLeft }) => [condition, daysLeft]),
          [['valid', 89]],
        );
        await stage.host.ok('test -L /etc/systemd/system/timers.target.wants/psi-tls-renew.timer');
        await stage.host.ok(
          'podman exec psi sh -c "test ! -e /var/lib/psi/tls/.lock || flock --nonblock /var/lib/psi/tls/.lock true"',
        );
      },
      'no key is in the journal or the state, and nothing was left behind': async () => {
        assert.ok(!(await stage.host.ok('journalctl --all -o cat')).includes('PRIVATE KEY'));
        assert.ok(!(await stage.host.ok('find /var/lib/psi -type f -exec cat {} +')).includes('PRIVATE KEY'));
        assert.deepEqual((await stage.host.ok('ls -A /var/lib/psi/tls')).trim().split('\n'), ['.lock', 'web.json']);
        assert.equal((await stage.host.ok('find /var/lib/psi -type f ! -perm 0600')).trim(), '');
        assert.equal((await stage.host.ok('ls -A /etc/pki/web/certs')).trim(), '.psi-web\nchain.pem\nweb.pem');
      },
    });
  },
);
