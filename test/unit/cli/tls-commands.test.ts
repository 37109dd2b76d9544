// What `psi infisical tls …` prints and ends with.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Composition } from '../../../src/cli/commands.ts';
import { run } from '../../../src/cli/run.ts';
import { defaultConfig } from '../../../src/config/load.ts';
import type { CertificateReport } from '../../../src/certificates/report.ts';
import type { CertificateRunOptions } from '../../../src/certificates/run.ts';
import type { CertificateStatus, CertificateOverview } from '../../../src/certificates/status.ts';
import { fakeComposition } from '../../fakes/composition.fake.ts';
import { fakeTerminal } from '../../fakes/terminal.fake.ts';

type Stage = {
  readonly out: string[];
  readonly errors: string[];
  readonly asked: CertificateRunOptions[];
  readonly psi: (...argv: readonly string[]) => Promise<number>;
};

function stage(given: {
  readonly reports?: readonly CertificateReport[];
  readonly status?: CertificateOverview;
  readonly exit?: number;
}): Stage {
  const { terminal, out, errors } = fakeTerminal();
  const asked: CertificateRunOptions[] = [];
  const never = (): Promise<never> => Promise.reject(new Error('not asked for'));
  const tls: Composition['tls'] = {
    run: (_config, options, events) => {
      asked.push(options);
      events.waiting('web', 'pending_approval', 10_000);
      events.hook('web', ['true']);
      return Promise.resolve({ certificates: given.reports ?? [], exit: given.exit ?? 0 });
    },
    status: () => (given.status ? Promise.resolve(given.status) : never()),
  };
  const config = defaultConfig({ env: {}, uid: 0 });
  return {
    out,
    errors,
    asked,
    psi: (...argv) =>
      run(['infisical', 'tls', ...argv], {
        terminal,
        version: '1.2.3',
        loadConfig: () => Promise.resolve(config),
        defaultConfig: () => config,
        lastGoodConfig: () => Promise.resolve(undefined),
        formatIssues: () => Promise.resolve([]),
        compose: () => Promise.resolve(fakeComposition({ tls })),
      }),
  };
}

const REPORT: CertificateReport = {
  name: 'web',
  outcome: 'renewed',
  notAfter: '2026-04-01T00:00:00.000Z',
  renewalDue: '2026-03-02T00:00:00.000Z',
  requestStatus: null,
  hooks: [],
  exposed: null,
  failure: null,
};

test('tells what became of each certificate and hook, and what failed on stderr', async () => {
  const hook = { argv: ['systemctl', 'reload', 'nginx'], ok: true, exit: 0, ended: null, output: [] };
  const { psi, out, errors, asked } = stage({
    exit: 1,
    reports: [
      { ...REPORT, hooks: [hook, { ...hook, ok: false, exit: 3, output: ['no such unit'] }] },
      { ...REPORT, name: 'db', outcome: 'kept' },
      { ...REPORT, name: 'vpn', outcome: 'pending', requestStatus: 'pending_approval', notAfter: null },
      {
        ...{ ...REPORT, name: 'mail', outcome: 'failed' },
        failure: { code: 'PROVIDER_DENIED', message: 'no right', hint: 'ask for it', retry: 'no' },
      },
    ],
  });
  assert.equal(await psi('renew', 'web', '--force'), 1);
  assert.deepEqual(asked, [{ mode: 'renew', name: 'web', force: true }]);
  assert.deepEqual(out, [
    'web: renewed, ends on 2026-04-01 00:00Z',
    'web: hook systemctl reload nginx: done',
    'db: kept, ends on 2026-04-01 00:00Z, due on 2026-03-02 00:00Z',
    'vpn: on its way (pending approval); the next run goes on with it',
    'mail: failed; the one in place ends on 2026-04-01 00:00Z',
  ]);
  assert.deepEqual(errors, [
    'error: web: hook systemctl reload nginx: exit status 3',
    '  no such unit',
    'hint: it runs again at the next run',
    'error: mail: no right',
    'hint: ask for it',
  ]);
});

test('prints the report as one JSON object', async () => {
  const { psi, out } = stage({ reports: [REPORT], exit: 75 });
  assert.equal(await psi('issue', '--json'), 75);
  const result = { certificates: [REPORT], exit: 75 };
  assert.deepEqual(JSON.parse(out.join('')), {
    format: 1,
    command: 'infisical tls issue',
    exit: 75,
    result,
    failure: null,
  });
});

test('says where certificates are configured when there are none', async () => {
  const { psi, out } = stage({});
  assert.equal(await psi('renew'), 0);
  assert.match(out.join(), /tls\.certificates/);
});

test('shows the status as a table with days left, the next run and the last error', async () => {
  const web: CertificateStatus = {
    ...{ name: 'web', commonName: 'web.example.com', condition: 'valid', serial: 'A1', daysLeft: 89 },
    ...{ notBefore: REPORT.notAfter, notAfter: REPORT.notAfter, renewalDue: REPORT.renewalDue },
    ...{
      requestStatus: null,
      owedHooks: [['systemctl', 'reload', 'nginx']],
      exposed: null,
      lastError: null,
      renewedLater: null,
    },
  };
  const none = { serial: null, daysLeft: null, notBefore: null, notAfter: null, renewalDue: null };
  const lastError = {
    at: '2026-01-02T00:00:00.000Z',
    code: 'PROVIDER_DENIED',
    message: 'no right',
    hint: 'ask for it',
  };
  const renewedLater = { code: 'BAD_CERTIFICATE', message: 'renewed later', hint: 'shorten renew_before' } as const;
  const exposed = { code: 'CONFLICT', message: 'the user 1000 can change /srv', hint: 'chown it' } as const;
  const status: CertificateOverview = {
    certificates: [
      web,
      {
        ...web,
        ...none,
        name: 'a-longer-name',
        condition: 'not issued',
        owedHooks: [],
        renewedLater,
        exposed,
        lastError,
      },
    ],
    nextRun: '2026-01-03T00:12:00.000Z',
    timerProblem: { code: 'HOST', message: 'the timer looks too seldom', hint: 'render it anew' },
  };
  const { psi, out } = stage({ status });
  assert.equal(await psi('status'), 0);
  assert.deepEqual(out, [
    'NAME           COMMON NAME      CONDITION   ENDS               DAYS LEFT  RENEWAL',
    'web            web.example.com  valid       2026-04-01 00:00Z  89         2026-03-02 00:00Z',
    'a-longer-name  web.example.com  not issued  -                  -          -',
    'web: hook still to run: systemctl reload nginx',
    'a-longer-name: renewed later',
    'hint: shorten renew_before',
    'a-longer-name: the user 1000 can change /srv',
    'hint: chown it',
    'a-longer-name: last error, 2026-01-02T00:00:00.000Z: no right',
    'hint: ask for it',
    'the timer looks too seldom',
    'hint: render it anew',
    'next run: 2026-01-03T00:12:00.000Z',
  ]);
});
