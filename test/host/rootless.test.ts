// PSI of an ordinary user, installed by docs/rootless.md word for word: main job, a certificate with its hook, an outage with a key that
// systemd decrypts for the user, his systemd started anew, a key that is gone, and the way out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOf } from '../hosts/answer.ts';
import { steps } from '../hosts/steps.ts';
import { CREDENTIALS, onEachRoot, PROJECT, sleeper } from './psi-host.ts';
import { CLIENT_SECRET, HOME, startRootlessHost, type RootlessHost } from './rootless-host.ts';

const VALUES = { TOKEN: 'value of a token', MULTI: 'two\nlines $HOME %h', EMPTY: '' };
const FILE = 'as a file\n';
const PROFILE = '3d2a9c11-0000-4000-8000-000000000002';
const CERT = `${HOME}/pki/web.pem`;
const KEY = `${HOME}/pki/private/web.key`;
const RELOADED = `${HOME}/reloaded`;
const STORE = `${HOME}/.config/credstore.encrypted`;

const WANTED = {
  folders: { '/myapp': VALUES, '/files': { 'token.txt': FILE } },
  workloads: {
    myapp: {
      secrets: [
        { project: 'main', path: '/myapp' },
        { project: 'main', path: '/files', as: 'mount', mode: '0400' },
      ],
    },
  },
  quadlets: { 'myapp.container': sleeper('[Install]', 'WantedBy=default.target') },
  config: { cache: { enabled: true, backend: 'credential' } },
  seed: { profiles: [{ id: PROFILE, project: PROJECT }] },
  provider: {
    auth: {
      method: 'universal-auth',
      client_id: CREDENTIALS.clientId,
      client_secret: { credential: 'infisical-client-secret' },
    },
    tls: {
      certificates: {
        web: {
          project: 'main',
          profile_id: PROFILE,
          common_name: 'web.example.com',
          alt_names: [{ type: 'dns_name', value: 'web.example.com' }],
          output: { cert: CERT, key: KEY, chain: `${HOME}/pki/chain.pem` },
          hooks: [['systemctl', '--user', 'reload', 'web.service']],
        },
      },
    },
  },
};

await onEachRoot(({ suite, options }) => {
  let stage: RootlessHost;

  async function startsWithAll(what: string): Promise<void> {
    await stage.user.ok('systemctl --user restart myapp.service');
    const environ = await stage.environ('systemd-myapp');
    for (const [key, value] of Object.entries(VALUES)) assert.equal(environ.get(key), value, `${what}: ${key}`);
  }

  const cacheStatus = async (): Promise<{ code: number; state: string; entries: number; hint: string }> => {
    const { code, stdout } = await stage.psi('cache', 'status', '--verify', '--json');
    const { state, entries, problem } = answerOf(stdout) as {
      readonly state: string;
      readonly entries: number;
      readonly problem: { readonly hint: string } | null;
    };
    return { code, state, entries, hint: problem?.hint ?? '' };
  };

  const withJournal = async (error: unknown): Promise<never> => {
    const journal = await stage.host.journal();
    throw new Error(`${String(error)}\n${journal.slice(-6000)}`, { cause: error });
  };

  test('a user follows the page from nothing to nothing', options, async (t) => {
    stage = await startRootlessHost(suite, WANTED);
    t.after(() => stage.host.stop());
    const version = Number(/^systemd (\d+)/.exec(await stage.host.ok('systemctl --version'))?.[1]);
    await steps(t, {
      'the units are installed, and he is told what his systemd cannot do': async () => {
        await stage.follow('rootless-credentials', CLIENT_SECRET);
        const { host, user } = stage;
        const said = await stage.follow('rootless-install');
        assert.match(said, /^created \/home\/app\/\.config\/systemd\/user\/psi\.socket$/m);
        const again = await user.run(
          `podman run --rm --userns=keep-id --network=none -e HOME -e XDG_RUNTIME_DIR -v ${HOME}:${HOME} -v /run/user/1000:/run/user/1000 localhost/psi:latest install`,
        );
        assert.equal(again.code, 0, again.stderr);
        const note = new RegExp(`^note: systemd ${String(version)} cannot load an encrypted credential`, 'm');
        if (version < 258) assert.match(again.stderr, note);
        else assert.equal(again.stderr, '');
        const units = 'psi.service psi-credential@infisical-client-secret.service psi-cache-key.service';
        await user.ok(`systemctl --user is-active ${units}`);
        assert.equal(
          (await host.ok('find /run/user/1000/psi-c* -type f -exec stat -c "%a %U" {} +')).trim(),
          '600 app\n600 app',
        );
      },
      'a workload starts with every value and file byte for byte': async () => {
        await stage.follow('rootless-setup');
        await startsWithAll('live');
        assert.equal(await stage.user.ok('podman exec systemd-myapp cat /run/secrets/token.txt'), FILE);
      },
      'a certificate is issued, and its hook reloads a unit of the user': async () => {
        await stage.user.write(
          `${HOME}/.config/systemd/user/web.service`,
          `[Service]\nExecStart=sleep infinity\nExecReload=touch ${RELOADED}\n`,
        );
        await stage.user.ok('systemctl --user daemon-reload && systemctl --user start web.service');
        const { code, stdout, stderr } = await stage.psi('infisical', 'tls', 'issue');
        assert.equal(code, 0, stdout + stderr);
        await stage.host.ok(['test', '-e', RELOADED]);
        assert.equal((await stage.host.ok(`stat -L -c '%a %U' ${KEY} ${CERT}`)).trim(), '600 app\n640 app');
      },
      'through an outage his systemd starts anew, and the workload has every value from the cache': async () => {
        await stage.provider('refuse');
        await stage.host.ok('systemctl restart user@1000.service');
        // As at a boot: all that he has starts at once.
        await stage.user.until('systemctl --user is-active psi.service myapp.service', 120_000).catch(withJournal);
        await startsWithAll('outage');
        const { code, state, entries } = await cacheStatus();
        assert.deepEqual([code, state, entries], [0, 'ready', 4]);
      },
      'without the key nothing passes for ready, with or without a file, and hints are his': async () => {
        await stage.user.ok(`mv ${STORE}/psi-cache-key ${HOME}/saved && systemctl --user stop psi-cache-key.service`);
        for (const file of ['there', 'gone']) {
          if (file === 'gone') await stage.user.ok('rm ~/.local/share/psi/cache.enc');
          await stage.user.ok('systemctl --user restart psi.service');
          const { code, state, hint } = await cacheStatus();
          assert.deepEqual([code, state], [69, 'locked'], file);
          assert.match(hint, /`systemctl --user status psi-cache-key`/);
          assert.match(hint, /systemd-creds encrypt --user --name=psi-cache-key - ~\/\.config\/credstore\.encrypted\//);
        }
        await stage.provider('none');
        await startsWithAll('without a key');
      },
      'a credential that cannot be decrypted is named in words that he can type': async () => {
        await stage.user.ok(`mv ${STORE}/infisical-client-secret ${HOME}/saved-secret`);
        await stage.user.run('systemctl --user restart psi-credential@infisical-client-secret.service');
        await stage.user.ok('systemctl --user restart psi.service');
        const { code, stdout } = await stage.psi('status');
        assert.notEqual(code, 0, stdout);
        assert.match(stdout, /`systemctl --user restart psi-credential@infisical-client-secret\.service`/);
        assert.doesNotMatch(stdout, /\/etc\/credstore|systemctl (?!--user)|systemd-creds encrypt (?!--user)/);
        await stage.user.ok(`mv ${HOME}/saved-secret ${STORE}/infisical-client-secret`);
        await stage.user.ok('systemctl --user restart psi-credential@infisical-client-secret.service');
      },
      'he leaves, and nothing of PSI is left in his folders': async () => {
        await stage.follow('rootless-uninstall');
        assert.equal((await stage.user.ok('podman secret ls -q')).trim(), '');
        const left = await stage.user.ok(
          'find ~/.config/systemd ~/.config/containers ~/.local/share/psi /run/user/1000/psi* 2>/dev/null | grep psi; true',
        );
        assert.equal(left.trim(), '');
      },
    });
  });
});
