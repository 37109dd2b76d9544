// What status finds beside the service: what is told, how bad it is, and in which order.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import type { ServiceProblem } from '../../../src/lookup/status.ts';
import { certificateProblem } from '../../../src/service/certificate-ends.ts';
import { openPlaces, type Openness } from '../../../src/service/host-findings.ts';
import { Inspections } from '../../../src/service/inspections.ts';
import { problemsLine, serviceProblems } from '../../../src/service/problems.ts';
import { providerProblems, providerStatus } from '../../../src/service/provider-problems.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';

const HOUR = 3_600_000;
const END = Date.UTC(2026, 0, 10);

test('a certificate is told when its renewal is overdue by a day and a half, or by half of what is left', () => {
  const told = (now: number, due: number): string | undefined =>
    certificateProblem({ name: 'web', notAfter: END, renewalDue: due, problem: undefined }, now)[0]?.severity;
  assert.equal(told(END - 10 * 24 * HOUR, END - 10 * 24 * HOUR), undefined);
  assert.equal(told(END - 8 * 24 * HOUR, END - 10 * 24 * HOUR), 'warning');
  assert.deepEqual([told(END - 0.6 * HOUR, END - HOUR), told(END - 0.4 * HOUR, END - HOUR)], [undefined, 'warning']);
  assert.equal(told(END, END - HOUR), 'error');
});

test('files are told that others can change, and a config with secrets that others can read', async () => {
  const told = async (config: number, state: number, plainSecrets = false): Promise<number> => {
    const openness: Openness = (path) => Promise.resolve({ mode: path === '/c' ? config : state });
    return (await openPlaces({ file: '/c', stateDir: '/s', plainSecrets }, openness)).length;
  };
  assert.equal(await told(0o100644, 0o40700), 0);
  assert.equal(await told(0o100644, 0o40700, true), 1);
  assert.equal(await told(0o100600, 0o40700, true), 0);
  assert.equal(await told(0o100620, 0o40700), 1);
  assert.equal(await told(0o100602, 0o40750), 2);
});

test('errors come before warnings, and only errors are for the health check', () => {
  const of = (severity: ServiceProblem['severity'], message: string): ServiceProblem => ({
    ...{ severity, message },
    subject: null,
    hint: null,
  });
  const found = serviceProblems({
    mappings: { problems: () => [] },
    own: [undefined, new PsiError('HOST', 'own')],
    owed: { debt: undefined, items: [{ subject: 'app', message: 'x', hint: null }], next: undefined },
    failing: [of('error', 'f')],
    others: [of('warning', 'w'), of('error', 'e')],
  });
  assert.deepEqual(
    found.map(({ message }) => message),
    ['own', 'e', 'f', 'setup left it as it was: x', 'w'],
  );
  assert.deepEqual(problemsLine(found), { problems: 'own and 3 more, see `psi status`' });
  assert.deepEqual(problemsLine([of('warning', 'w')]), {});
});

test('a provider that is silent is told with what lookups are answered with, and a place by itself', () => {
  const error = new PsiError('PROVIDER_DOWN', 'it answered 500');
  const place = { project: 'main', path: '/app' };
  const silent = new Map([
    ['infisical', [{ place: undefined, since: END, error }]],
    ['other', [{ place, since: END, error }]],
    ['fine', []],
  ]);
  const [whole, part] = providerProblems(silent, { state: 'locked', entries: 0, expired: 0 });
  assert.match(
    whole?.message ?? '',
    /^infisical has given no usable answer since 2026-01-10T00:00:00Z \(it ans.*locked/,
  );
  assert.match(part?.message ?? '', /^other has given no usable answer for main:\/app since/);
  assert.match(part?.hint ?? '', /psi setup/);
  assert.deepEqual(
    providerStatus(silent).map(({ up, places }) => [up, places.length]),
    [
      [false, 0],
      [true, 1],
      [true, 0],
    ],
  );
});

test('a look that never ends holds nobody up, is made once at a time, and what was found before stands', async () => {
  const clock = new FakeClock();
  let begun = 0;
  const warned: string[] = [];
  const found: ServiceProblem = { severity: 'warning', subject: null, message: 'm', hint: null };
  const stuck = (): Promise<readonly ServiceProblem[]> => {
    begun += 1;
    return begun === 1 ? Promise.resolve([found]) : new Promise(() => undefined);
  };
  const log = { warn: (_: object, message: string) => void warned.push(message) };
  const inspections = new Inspections([stuck, () => Promise.reject(new Error('no'))], { clock, log: log as never });
  await inspections.look();
  for (let again = 0; again < 3; again += 1) {
    const looked = inspections.look();
    await clock.advance(2_000);
    await looked;
  }
  assert.deepEqual([begun, inspections.problems(), warned], [2, [found], ['m']]);
});
