// Runs of `psi infisical tls issue|renew` on fakes and a clock that stands still.
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { WantedCertificate } from '../../../src/certificates/certificate.ts';
import { PsiError } from '../../../src/core/error.ts';
import type { CertificateReport, CertificateRunReport } from '../../../src/certificates/report.ts';
import { runCertificates, type CertificateRunDeps, type CertificateRunOptions } from '../../../src/certificates/run.ts';
import {
  certificateOverview,
  type CertificateOverview,
  type CertificateStatus,
} from '../../../src/certificates/status.ts';
import { WANTED } from '../../contract/certificate-authority.contract.ts';
import { FakeCertificateAuthority } from '../../fakes/certificate-authority.fake.ts';
import { FakeCertificateFiles } from '../../fakes/certificate-files.fake.ts';
import { FakeCertificateStates } from '../../fakes/certificate-states.fake.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { FakeHostCommands } from '../../fakes/host-commands.fake.ts';

const DAY = 86_400_000;
const WEB: WantedCertificate = { ...WANTED, hooks: [['reload', 'web'], ['tell']] };
const DB: WantedCertificate = { ...WANTED, name: 'db', commonName: 'db.example.com' };
const down = new PsiError('PROVIDER_DOWN', 'away', { retry: 'later' });
const denied = new PsiError('PROVIDER_DENIED', 'no right');

describe('a run for certificates', () => {
  let clock: FakeClock;
  let authority: FakeCertificateAuthority;
  let files: FakeCertificateFiles;
  let states: FakeCertificateStates;
  let commands: FakeHostCommands;
  let deps: CertificateRunDeps;
  let waits: string[];

  beforeEach(() => {
    clock = new FakeClock();
    authority = new FakeCertificateAuthority(clock);
    files = new FakeCertificateFiles();
    states = new FakeCertificateStates();
    commands = new FakeHostCommands();
    waits = [];
    // The first digits make the spread: none here.
    const digest = (text: string): string => `00000000 ${text}`;
    deps = { authority, files, states, commands, clock, digest, host: 'host', lock: { hold: (work) => work() } };
  });

  const start = (
    certificates: readonly WantedCertificate[] = [WEB],
    options: Partial<CertificateRunOptions> = {},
  ): Promise<CertificateRunReport> =>
    runCertificates(
      deps,
      certificates,
      { mode: 'renew', name: undefined, force: false, ...options },
      {
        waiting: (name, status, ms) => waits.push(`${name} ${status} ${String(ms)}`),
        hook: () => undefined,
      },
      new AbortController().signal,
    );
  const only = ({ certificates }: CertificateRunReport): CertificateReport => {
    const [report] = certificates;
    assert.ok(report && certificates.length === 1);
    return report;
  };
  const calls = (): readonly string[] => authority.calls.splice(0);
  /** Of a run that polls to its end. */
  const patient = async (run: Promise<CertificateRunReport>): Promise<CertificateRunReport> => {
    for (const pause of [10_000, 20_000, 40_000, 80_000]) {
      await clock.untilSleeping();
      await clock.advance(pause);
    }
    return run;
  };

  test('issues, keeps the ids first, writes the files, then runs the hooks', async () => {
    const report = await start([WEB], { mode: 'issue' });
    assert.deepEqual(
      [report.exit, only(report).outcome, only(report).notAfter],
      [0, 'issued', '2026-04-01T00:00:00.000Z'],
    );
    assert.deepEqual(commands.ran, ['reload web', 'tell']);
    const [ordered, placed, done] = states.history;
    assert.equal(ordered?.request?.certificateId, 'id-1');
    assert.equal(ordered.certificate, undefined);
    assert.deepEqual(placed?.owedHooks, WEB.hooks);
    assert.deepEqual([done?.owedHooks, done?.request, done?.certificate?.id], [[], undefined, 'id-1']);
  });

  test('leaves a state alone that it could not read: an order may be under way in it', async () => {
    const newer = new PsiError('HOST', 'the state is of format 2');
    deps = { ...deps, states: { get: () => Promise.reject(newer), put: (...given) => states.put(...given) } };
    const { exit, certificates } = await start();
    assert.deepEqual([exit, certificates[0]?.failure?.message], [1, newer.message]);
    assert.deepEqual([states.history, calls(), commands.ran], [[], [], []]);
  });

  test('does nothing the second time, and no hook', async () => {
    await start();
    calls();
    const report = await start();
    assert.deepEqual([report.exit, only(report).outcome, calls()], [0, 'kept', []]);
    assert.equal(commands.ran.length, 2);
  });

  test('renews when due, looking first', async () => {
    await start();
    calls();
    await clock.advance(60 * DAY - 1);
    assert.equal(only(await start()).outcome, 'kept');
    await clock.advance(1);
    assert.equal(only(await start()).outcome, 'renewed');
    assert.deepEqual(calls(), ['inspect id-1', 'renew web']);
    assert.equal(states.kept.get('web')?.certificate?.id, 'id-2');
  });

  test('renews no certificate of a day at every run that was asked for with ninety', async () => {
    authority.longestMs = DAY;
    await start();
    calls();
    await clock.advance(DAY / 2);
    assert.equal(only(await start()).outcome, 'kept');
    await clock.advance(DAY / 4);
    assert.equal(only(await start()).outcome, 'renewed');
  });

  test('catches up on a host that was off past the end', async () => {
    await start();
    await clock.advance(200 * DAY);
    calls();
    assert.equal(only(await start()).outcome, 'issued');
    assert.deepEqual(calls(), ['issue web']);
  });

  test('orders anew what the config changed', async () => {
    await start();
    calls();
    assert.equal(only(await start([{ ...WEB, commonName: 'www.example.com' }])).outcome, 'issued');
    assert.deepEqual(calls(), ['issue web']);
  });

  test('follows what the server has renewed by itself', async () => {
    await start();
    await clock.advance(61 * DAY);
    await authority.renew(WEB, 'id-1');
    calls();
    assert.equal(only(await start()).outcome, 'renewed');
    assert.deepEqual(calls(), ['inspect id-1', 'inspect id-2', 'fetch id-2']);
    assert.equal(states.kept.get('web')?.certificate?.id, 'id-2');
  });

  test('finds a renewal whose answer was lost, instead of making another', async () => {
    await start();
    await clock.advance(61 * DAY);
    authority.failNext('renew', 'web', down);
    const lost = await start();
    assert.deepEqual([lost.exit, only(lost).outcome], [75, 'failed']);
    // The server has done it all the same.
    await authority.renew(WEB, 'id-1');
    calls();
    assert.equal(only(await start()).outcome, 'renewed');
    assert.ok(!calls().includes('renew web'));
  });

  test('orders anew what was revoked', async () => {
    await start();
    await clock.advance(61 * DAY);
    authority.revoke('id-1');
    calls();
    assert.equal(only(await start()).outcome, 'issued');
    assert.deepEqual(calls(), ['inspect id-1', 'issue web']);
  });

  test('brings back files that are gone, and orders anew where the key cannot be read', async () => {
    await start();
    files.inPlace.clear();
    calls();
    assert.equal(only(await start()).outcome, 'restored');
    assert.deepEqual(calls(), ['fetch id-1']);
    files.inPlace.clear();
    authority.certificates.delete('id-1');
    assert.equal(only(await start()).outcome, 'issued');
  });

  test('goes on where a run was killed between the order and the files', async () => {
    await start();
    const [ordered] = states.history;
    assert.ok(ordered);
    files.inPlace.clear();
    states.kept.set('web', ordered);
    commands.ran.splice(0);
    calls();
    assert.equal(only(await start()).outcome, 'restored');
    assert.deepEqual(calls(), ['fetch id-1']);
    assert.deepEqual(commands.ran, ['reload web', 'tell']);
  });

  test('polls an order for two and a half minutes, then leaves it to the next run', async () => {
    authority.pendingAs = 'pending_approval';
    const report = await patient(start());
    assert.deepEqual(
      [report.exit, only(report).outcome, only(report).requestStatus],
      [75, 'pending', 'pending_approval'],
    );
    assert.deepEqual(
      waits,
      [10_000, 20_000, 40_000, 80_000].map((ms) => `web pending_approval ${String(ms)}`),
    );
    authority.decide('issued');
    calls();
    const next = await start();
    assert.deepEqual([next.exit, only(next).outcome], [0, 'issued']);
    assert.deepEqual(calls(), ['request request-1', 'fetch id-2']);
    assert.deepEqual(commands.ran, ['reload web', 'tell']);
  });

  test('keeps the id of an order at once', async () => {
    authority.pendingAs = 'pending';
    const run = start();
    await clock.untilSleeping();
    assert.equal(states.kept.get('web')?.request?.requestId, 'request-1');
    authority.decide('issued');
    await clock.advance(10_000);
    assert.equal(only(await run).outcome, 'issued');
  });

  test('does not let one that is on its way hold up the others', async () => {
    authority.pendingAs = 'pending';
    const run = start([WEB, DB]);
    await clock.untilSleeping(2);
    authority.decide('issued');
    authority.requests.set('request-1', {
      ttlMs: DAY,
      renews: undefined,
      answer: { kind: 'pending', status: 'pending' },
    });
    await clock.advance(10_000);
    assert.ok(files.inPlace.has('db'));
    assert.ok(!files.inPlace.has('web'));
    await clock.advance(150_000);
    assert.deepEqual(
      (await run).certificates.map(({ outcome }) => outcome),
      ['pending', 'issued'],
    );
  });

  test('orders a failed one anew at the next run', async () => {
    authority.pendingAs = 'pending';
    const run = start();
    await clock.untilSleeping();
    authority.decide('failed', 'rate limit of the acme server');
    await clock.advance(10_000);
    const report = await run;
    assert.equal(report.exit, 77);
    assert.match(only(report).failure?.message ?? '', /rate limit of the acme server/);
    authority.pendingAs = undefined;
    assert.equal(only(await start()).outcome, 'issued');
  });

  test('leaves a rejected one alone until it is forced', async () => {
    authority.pendingAs = 'pending_approval';
    const run = start();
    await clock.untilSleeping();
    authority.decide('rejected', 'not this name');
    await clock.advance(10_000);
    assert.equal((await run).exit, 77);
    calls();
    const again = await start();
    assert.equal(again.exit, 77);
    assert.equal(only(again).failure?.message, 'the request for web was rejected: not this name');
    assert.deepEqual(calls(), []);
    authority.pendingAs = undefined;
    assert.equal(only(await start([WEB], { force: true, mode: 'issue' })).outcome, 'issued');
  });

  test('goes on with the rest when one fails, and says which', async () => {
    authority.failNext('issue', 'web', denied);
    const report = await start([WEB, DB]);
    assert.equal(report.exit, 77);
    assert.deepEqual(
      report.certificates.map(({ name, outcome, failure }) => [name, outcome, failure?.code]),
      [
        ['web', 'failed', 'PROVIDER_DENIED'],
        ['db', 'issued', undefined],
      ],
    );
    assert.equal(states.kept.get('web')?.problem?.message, 'no right');
    await start([WEB, DB]);
    assert.equal(states.kept.get('web')?.problem, undefined);
  });

  test('leaves the files alone when the key belongs to another certificate, and asks for a new one next time', async () => {
    await start();
    const old = files.inPlace.get('web');
    await clock.advance(61 * DAY);
    authority.wrongKey = true;
    const report = await start();
    assert.deepEqual([report.exit, only(report).failure?.code], [1, 'BAD_CERTIFICATE']);
    assert.equal(files.inPlace.get('web'), old);
    authority.wrongKey = false;
    calls();
    assert.equal(only(await start()).outcome, 'issued');
    assert.deepEqual(calls(), ['issue web']);
  });

  test('orders nothing under a clock that would make it useless, and goes on where none is told', async () => {
    for (const aheadMs of [5 * 60_000, -31 * DAY, -61 * DAY]) {
      authority.aheadMs = aheadMs;
      const { failure } = only(await start());
      assert.equal(failure?.code, 'HOST');
      assert.match(failure.message, /^the clock of this host is .* (?:behind|ahead of) that of/);
    }
    assert.deepEqual(calls(), []);
    authority.aheadMs = -29 * DAY;
    assert.equal(only(await start()).outcome, 'issued');
    await clock.advance(61 * DAY);
    calls();
    authority.aheadMs = 3_600_000;
    assert.equal(only(await start()).outcome, 'failed');
    assert.deepEqual(calls(), ['inspect id-1'], 'no renewal either');
    authority.aheadMs = undefined;
    assert.equal(only(await start()).outcome, 'renewed');
  });

  test('counts the life of a certificate from when it came, and not from when its files were brought back', async () => {
    const due = only(await start()).renewalDue;
    await clock.advance(50 * DAY);
    files.inPlace.clear();
    const report = only(await start());
    assert.deepEqual([report.outcome, report.renewalDue], ['restored', due]);
  });

  test('fetches at the next run, and does not order again, what is only not valid yet', async () => {
    files.failWith = new PsiError('BAD_CERTIFICATE', 'not valid yet', { retry: 'later' });
    assert.equal((await start()).exit, 75);
    files.failWith = undefined;
    calls();
    assert.equal(only(await start()).outcome, 'restored');
    assert.deepEqual(calls(), ['fetch id-1']);
  });

  test('says which right is missing when no key comes', async () => {
    authority.hidesKeys = true;
    const report = await start();
    assert.equal(report.exit, 77);
    assert.match(only(report).failure?.hint ?? '', /read-private-key/);
    calls();
    assert.equal((await start()).exit, 77);
    assert.deepEqual(calls(), ['fetch id-1'], 'no second order');
    authority.hidesKeys = false;
    assert.equal(only(await start([WEB], { mode: 'issue', force: true })).outcome, 'issued');
  });

  test('runs the other hooks after one that failed, and that one again at the next run', async () => {
    commands.results.set('reload', { exit: 3, ended: undefined, output: ['no such unit'] });
    const report = await start();
    assert.equal(report.exit, 1);
    assert.deepEqual(
      only(report).hooks.map(({ argv, ok, exit, output }) => [argv[0], ok, exit, output]),
      [
        ['reload', false, 3, ['no such unit']],
        ['tell', true, 0, []],
      ],
    );
    assert.match(states.kept.get('web')?.problem?.message ?? '', /`reload web` failed: exit status 3/);
    commands.ran.splice(0);
    assert.equal((await start()).exit, 1);
    commands.results.clear();
    assert.equal((await start()).exit, 0);
    assert.deepEqual(commands.ran, ['reload web', 'reload web']);
    assert.equal(states.kept.get('web')?.problem, undefined);
    assert.deepEqual((await start()).certificates[0]?.hooks, []);
  });

  test('counts a hook that could not be started as failed', async () => {
    commands.results.set('tell', new PsiError('HOST', 'there is no D-Bus socket'));
    const report = await start();
    assert.equal(report.exit, 1);
    assert.equal(only(report).hooks[1]?.ended, 'there is no D-Bus socket');
  });

  test('forgets an owed hook that is not in the config any more', async () => {
    commands.results.set('reload', { exit: 3, ended: undefined, output: [] });
    await start();
    commands.ran.splice(0);
    assert.equal((await start([{ ...WEB, hooks: [['tell']] }])).exit, 0);
    assert.deepEqual(commands.ran, []);
  });

  test('takes the one that is named, and knows when there is none', async () => {
    const report = await start([WEB, DB], { name: 'db' });
    assert.equal(only(report).name, 'db');
    await assert.rejects(start([WEB, DB], { name: 'dp' }), { code: 'USAGE', hint: 'there are: web, db' });
  });

  describe('and its status', () => {
    const status = async (wanted: WantedCertificate = WEB): Promise<CertificateStatus> => {
      const { certificates, nextRun } = await overview([wanted]);
      assert.equal(nextRun, new Date(clock.now() + DAY).toISOString());
      assert.ok(certificates[0]);
      return certificates[0];
    };
    let calendars: readonly string[] | undefined;
    const overview = (wanted: readonly WantedCertificate[]): Promise<CertificateOverview> => {
      const timers = {
        nextRun: () => Promise.resolve(clock.now() + DAY),
        calendars: () => Promise.resolve(calendars),
      };
      return certificateOverview({ ...deps, timers, renderUnits: 'psi render' }, wanted, undefined);
    };
    const timerProblem = async (said: readonly string[] | undefined, wanted = WEB): Promise<string> => {
      calendars = said;
      const { timerProblem: problem } = await overview([wanted]);
      return problem ? `${problem.message}; ${String(problem.hint)}` : '';
    };

    test('names a timer that looks too seldom for what the config asks or the authority gave', async () => {
      const daily = ['*-*-* 00:00:00'];
      assert.equal(await timerProblem(daily), '');
      const brief = { ...WEB, ttlMs: DAY / 48, renewBeforeMs: DAY / 144 };
      assert.equal(
        await timerProblem(daily, brief),
        'psi-tls-renew.timer looks once a day, and web is renewed 10min before its end: it may end between two looks; ' +
          'render the units anew: `psi render`, then `systemctl restart psi-tls-renew.timer`',
      );
      assert.equal(await timerProblem(['*-*-* *:00/2:00'], brief), '');
      // Somebody's own schedule, and nobody to ask.
      for (const unknown of [['*-*-* *:30:00'], ['*-*-* 00:00:00', '*-*-* 12:00:00'], undefined])
        assert.equal(await timerProblem(unknown, brief), '');
      assert.match(await timerProblem(daily, { ...brief, renewBeforeMs: 60_000 }), /looks once a day/);
      const tooBrief = { ...brief, renewBeforeMs: 60_000 };
      assert.match(await timerProblem(['*-*-* *:00/2:00'], tooBrief), /too short for any timer of psi/);
      authority.longestMs = DAY;
      await start();
      assert.match(await timerProblem(daily), /looks once a day, and web is renewed 8h before its end/);
    });

    test('says of one that is renewed later than the config asks, why', async () => {
      authority.longestMs = 20 * DAY;
      await start();
      const { renewedLater } = await status();
      assert.match(
        renewedLater?.message ?? '',
        /^it is renewed 6d 16h before its end and not 30d: it lives 20d, and 90d were asked for$/,
      );
      assert.match(renewedLater?.hint ?? '', /^set `ttl`/);
    });

    const condition = async (wanted = WEB): Promise<string> => (await status(wanted)).condition;

    test('tells days, conditions and the last error, and asks nobody', async () => {
      assert.equal(await condition(), 'not issued');
      await start();
      calls();
      const { daysLeft, renewalDue } = await status();
      assert.deepEqual([daysLeft, renewalDue], [90, '2026-03-02T00:00:00.000Z']);
      assert.equal(await condition(), 'valid');
      assert.equal(await condition({ ...WEB, ttlMs: 80 * DAY }), 'changed');
      await clock.advance(70 * DAY);
      assert.equal(await condition(), 'due');
      await clock.advance(20 * DAY);
      assert.equal(await condition(), 'expired');
      assert.deepEqual(calls(), []);
      authority.failNext('issue', 'web', denied);
      await start();
      assert.equal((await status()).lastError?.message, 'no right');
      files.inPlace.clear();
      await start();
      files.inPlace.clear();
      assert.equal(await condition(), 'incomplete');
    });

    test('tells an order that is under way', async () => {
      authority.pendingAs = 'pending_approval';
      await patient(start());
      const { condition: found, requestStatus } = await status();
      assert.deepEqual([found, requestStatus], ['pending', 'pending_approval']);
    });
  });
});
