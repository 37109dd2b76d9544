import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import type { SetupReport } from '../../../src/registration/setup-events.ts';
import { endedUntold, SetupRuns } from '../../../src/registration/setup-runs.ts';
import { setupStage, workload } from './setup-stage.ts';

const CLEAN: SetupReport = {
  dryRun: false,
  outcome: 'done',
  changes: [],
  kept: 1,
  orphans: [],
  refused: [],
  problems: [],
  left: [],
  passedOver: [],
  overridden: [],
  failures: [],
  notes: [],
  cache: null,
  nextTry: null,
  ended: null,
};
const PROBLEM = { workload: 'myapp', name: 'p:/empty', reason: 'nothing there', hint: 'look' };
const FAILURE = { workload: 'myapp', code: 'PROVIDER_DOWN', message: 'away', hint: null } as const;
const ALL = { provider: undefined, workload: undefined, dryRun: false };

type Ran = { readonly settled: boolean; readonly notes: readonly string[] };

async function settledAfter(report: SetupReport, request = ALL): Promise<boolean> {
  return (await ran(report, request)).settled;
}

async function ran(report: SetupReport, request: typeof ALL): Promise<Ran> {
  const { target, source, patterns } = await setupStage();
  let settled = false;
  const runs = new SetupRuns({
    patterns,
    setup: { run: () => Promise.resolve(report) },
    prune: { run: () => assert.fail('nobody asks for it') },
    replaces: { ranSetup: () => undefined },
    status: { setup: () => undefined, setupFailed: () => undefined },
    mappings: { saveNames: () => Promise.resolve() },
    hostNotes: () => Promise.resolve([]),
    owed: {
      arm: () => undefined,
      began: () => Promise.resolve(undefined),
      ended: () => Promise.resolve(undefined),
      interrupted: () => Promise.resolve(),
      gone: () => undefined,
    },
    load: () =>
      Promise.resolve({
        target: { ...target, workloads: [workload('myapp')], sourceOf: () => source },
        notes: ['a note of the config'],
        activate: () => Promise.resolve(),
        settle: () => {
          settled = true;
        },
      }),
  });
  const { notes } = await runs.run(request, () => undefined, new AbortController().signal);
  return { settled, notes };
}

test('what was valid before ends with a run that registered all, also where a source is empty or a value may not be read', async () => {
  assert.equal(await settledAfter(CLEAN), true);
  assert.equal(await settledAfter({ ...CLEAN, problems: [PROBLEM] }), true);
});

test('it stays valid where a workload was left as it was, or was not asked about', async () => {
  assert.equal(await settledAfter({ ...CLEAN, failures: [FAILURE] }), false);
  assert.equal(await settledAfter(CLEAN, { ...ALL, dryRun: true }), false);
});

test('what is to be said of the config stands before the notes of the run', async () => {
  const { notes } = await ran({ ...CLEAN, notes: ['of the run'] }, ALL);
  assert.deepEqual(notes, ['a note of the config', 'of the run']);
});

test('a run whose command went away is in the status, and ends with what was done for the log', async () => {
  const { target, source, patterns } = await setupStage();
  const gone = new AbortController();
  const seen: unknown[] = [];
  const owed: unknown[] = [];
  const report = {
    ...CLEAN,
    changes: [{ action: 'create', workload: 'myapp', target: 'A' }],
    ended: { reason: 'the command went away', undone: [{ workload: 'myapp', changes: null }] },
  } as const;
  const runs = new SetupRuns({
    patterns,
    prune: { run: () => assert.fail('nobody asks for it') },
    replaces: { ranSetup: () => undefined },
    hostNotes: () => Promise.resolve([]),
    setup: {
      run: () => {
        gone.abort(new PsiError('INTERNAL', 'the command went away'));
        return Promise.resolve(report);
      },
    },
    status: { setup: (one) => seen.push(one), setupFailed: () => assert.fail('its report tells more') },
    mappings: { saveNames: () => Promise.resolve() },
    owed: {
      arm: () => undefined,
      gone: () => undefined,
      began: () => Promise.resolve(undefined),
      ended: (_before, _about, left) => Promise.resolve(void owed.push(left)),
      interrupted: () => Promise.resolve(),
    },
    load: () =>
      Promise.resolve({
        target: { ...target, sourceOf: () => source },
        notes: [],
        activate: () => Promise.resolve(),
        settle: () => undefined,
      }),
  });
  const told = await runs.run(ALL, () => undefined, gone.signal);
  assert.equal(endedUntold(told).message, 'setup was ended: the command went away; 1 change was made before');
  assert.deepEqual(seen, [report]);
  // What it did not come to is tried again by the service.
  assert.deepEqual(owed, [report]);
});
