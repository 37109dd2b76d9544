// Everything a provider can do wrong while a workload starts: the reason stands in that unit's own journal, and nothing is lost.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { CREDENTIALS, psiHostSupport, sleeper, startPsiHost, type PsiHost, type PsiHostOptions } from './psi-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const STAGE: PsiHostOptions = {
  folders: { '/myapp': { A: 'value-a', B: 'value-b' }, '/hidden': { H: 'value-h' } },
  workloads: {
    myapp: { secrets: [{ project: 'main', path: '/myapp' }] },
    hidden: { secrets: [{ project: 'main', path: '/hidden' }] },
  },
  quadlets: { 'myapp.container': sleeper(), 'hidden.container': sleeper() },
  // Short, so that a hung provider costs the test little.
  config: { lookup: { timeout: '1s', batch_window: '1s' } },
};
/** The right to read a value is taken once the secret is registered: one that was never there gets no line. */
const WITHOUT_HIDDEN = {
  identities: [{ ...CREDENTIALS, denials: [{ actions: ['readValue'], path: '/hidden' }] }],
};

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost(STAGE);
  await stage.setup();
  await stage.double('POST', '/seed', WITHOUT_HIDDEN);
});
after(async () => {
  if (support.ok) await stage.stop();
});
afterEach(async () => {
  if (!support.ok) return;
  await stage.double('DELETE', '/knobs');
  // A breaker that opened, a token, a remembered refusal: none of it may reach into the next test.
  await stage.host.ok('systemctl restart psi.service');
});

/** What the unit's journal says of a start that must fail. */
async function failedStart(unit = 'myapp'): Promise<string> {
  await stage.host.run(`systemctl stop ${unit}.service`);
  await stage.host.ok('journalctl --sync');
  const cursor = /-- cursor: (\S+)/.exec(await stage.host.ok('journalctl -n 1 --show-cursor'))?.[1] ?? '';
  const started = await stage.host.run(`systemctl start ${unit}.service`);
  assert.notEqual(started.code, 0, 'the workload started without its secrets');
  await stage.host.ok('journalctl --sync');
  const lines = await stage.host.ok(['journalctl', '-o', 'cat', '-u', `${unit}.service`, `--after-cursor=${cursor}`]);
  assert.doesNotMatch(lines, /canary-client-secret|value-[abh]/);
  return lines;
}

const registered = (): Promise<string> =>
  stage.host.ok(
    'podman secret ls --format "{{.ID}} {{.Name}}" | sort; ls /var/lib/psi | grep -v owed; cat /etc/containers/systemd/*.d/*',
  );

const body = (message: string, error: string): unknown => ({ reqId: 'req-test', statusCode: 0, message, error });
const refusals = (status: number, error: string, message: string): (() => Promise<unknown>) => {
  return () =>
    stage.double('POST', '/fail-next', { count: 50, status, body: body(message, error), only: ['list', 'get'] });
};

const FAULTS: readonly (readonly [string, () => Promise<unknown>, RegExp])[] = [
  ['refuses connections', () => stage.double('PATCH', '/knobs', { outage: 'refuse' }), /refuse/i],
  [
    'accepts and never answers',
    () => stage.double('PATCH', '/knobs', { outage: 'hang' }),
    /1000 ms|within 1 s|took longer|did not answer|no answer/,
  ],
  ['resets connections', () => stage.double('PATCH', '/knobs', { outage: 'reset' }), /reset|closed|hang up/i],
  ['answers 500', refusals(500, 'InternalServerError', 'Something went wrong'), /500/],
  ['answers 403', refusals(403, 'PermissionDenied', 'You are not allowed to read'), /main.*\/myapp|permission|refuse/i],
  [
    'answers 404',
    refusals(404, 'NotFound', 'Folder with path /myapp not found'),
    /not found|no folder|does not exist|no such/i,
  ],
  ['answers 429', refusals(429, 'RateLimitExceeded', 'Rate limit exceeded. Please try again in 30 seconds'), /limit/i],
  ['answers HTML', () => stage.double('PATCH', '/knobs', { malformed: 'html' }), /html/i],
  [
    'refuses the login half-way',
    async () => {
      await stage.double('POST', '/revoke-tokens');
      await stage.double('POST', '/fail-next', {
        count: 50,
        status: 401,
        body: body('Invalid credentials', 'UnauthorizedError'),
        only: ['login'],
      });
      // A token that was kept on disk is refused by the server, which the next call finds out.
    },
    /login|credential|client/i,
  ],
];

for (const [what, breakIt, message] of FAULTS) {
  test(
    `a provider that ${what} is named in the journal of the unit, and nothing registered is lost`,
    options,
    async () => {
      const before = await registered();
      await breakIt();
      const lines = await failedStart();
      assert.match(lines, message);
      assert.match(lines, /psi: myapp--[AB]: /, 'the line names the secret');
      // A setup meanwhile (it would wait and try again for two minutes) takes nothing away.
      await stage.host.run('timeout 3 podman exec psi psi setup');
      assert.equal(await registered(), before);
      await stage.double('DELETE', '/knobs');
      await stage.host.ok('systemctl restart psi.service');
      await stage.host.ok('systemctl start myapp.service');
      assert.equal((await stage.environ('systemd-myapp')).get('A'), 'value-a');
    },
  );
}

test('a list without the secrets costs no start and no line: each is asked for by itself', options, async () => {
  const before = await registered();
  await stage.double('PATCH', '/knobs', { emptyLists: true });
  await stage.host.ok('systemctl restart myapp.service');
  assert.equal((await stage.environ('systemd-myapp')).get('B'), 'value-b');
  const setup = await stage.host.run('podman exec psi psi setup');
  assert.notEqual(setup.code, 0);
  assert.match(setup.stderr, /where 2 are registered: myapp is left as it was/);
  assert.equal(await registered(), before);
});

test('a token revoked half-way costs one login and no start', options, async () => {
  await stage.host.ok('systemctl restart myapp.service');
  await stage.double('POST', '/revoke-tokens');
  await stage.host.ok('systemctl restart myapp.service');
  assert.equal((await stage.environ('systemd-myapp')).get('B'), 'value-b');
});

test('a value that the identity may not read is named, and its placeholder reaches no container', options, async () => {
  await stage.double('PATCH', '/knobs', { unreadableInList: 'hide' });
  assert.match(await failedStart('hidden'), /psi: hidden--H: /);
});

test('a certificate that is not trusted is named, with what to configure', options, async () => {
  await stage.host.ok(
    'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout /run/tls.key -out /run/tls.crt',
  );
  await stage.host.ok(
    'systemd-run --quiet --unit=tls-server openssl s_server -quiet -www -accept 127.0.0.1:8443 -key /run/tls.key -cert /run/tls.crt',
  );
  await stage.host.until('bash -c "exec 3<>/dev/tcp/127.0.0.1/8443"');
  await stage.writeConfig({ ...STAGE, provider: { api_url: 'https://127.0.0.1:8443' } });
  try {
    await stage.host.ok('systemctl restart psi.service');
    assert.match(await failedStart(), /certificate.*ca_cert|trust/i);
  } finally {
    await stage.writeConfig(STAGE);
    await stage.host.ok('systemctl stop tls-server; systemctl restart psi.service');
  }
});
