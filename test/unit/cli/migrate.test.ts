// `psi migrate`: exit statuses, lines and the answer as JSON.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../../../src/cli/run.ts';
import { PsiError } from '../../../src/core/error.ts';
import { failureOf } from '../../../src/core/failure.ts';
import { defaultConfig } from '../../../src/config/load.ts';
import type { MigrateOptions } from '../../../src/migrate/install.ts';
import type { MigrateReport } from '../../../src/migrate/migrate.ts';
import { fakeComposition } from '../../fakes/composition.fake.ts';
import { fakeTerminal } from '../../fakes/terminal.fake.ts';

const STEPS = [{ what: 'stop', target: 'psi-secrets.service', why: 'before its file goes' }] as const;
const REMARK = { subject: 'scope', reason: 'it was ignored', hint: undefined };
const NOTHING: MigrateReport = {
  ...{ applied: false, steps: [], notes: [], refusals: [], left: [], config: undefined, failure: undefined },
};

type Asked = Omit<MigrateOptions, 'tell'>;

async function migrated(
  report: Partial<MigrateReport>,
  argv: readonly string[] = [],
  insideService = false,
): Promise<{
  readonly exit: number;
  readonly out: string;
  readonly errors: string;
  readonly asked: readonly (readonly [string | undefined, Asked])[];
}> {
  const { terminal, out, errors } = fakeTerminal();
  const asked: [string | undefined, Asked][] = [];
  const exit = await run(['migrate', ...argv], {
    terminal,
    version: '1',
    loadConfig: () => Promise.reject(new Error('the config is the old one')),
    defaultConfig: () => defaultConfig({ env: {}, uid: 0 }),
    lastGoodConfig: () => Promise.resolve(undefined),
    formatIssues: () => Promise.resolve([]),
    compose: () =>
      Promise.resolve(
        fakeComposition({
          insideService,
          migrate: (file, { tell, ...options }) => {
            asked.push([file, options]);
            if (report.applied === true)
              for (const step of STEPS) for (const at of ['begin', 'done'] as const) tell(step, at);
            return Promise.resolve({ ...NOTHING, ...report });
          },
        }),
      ),
  });
  return { exit, out: out.join('\n'), errors: errors.join('\n'), asked };
}

test('nothing to move', async () => {
  const { exit, out, asked } = await migrated({});
  assert.deepEqual([exit, out], [0, 'nothing of the Python PSI is to be moved here']);
  assert.deepEqual(asked, [[undefined, { apply: false, image: undefined, unprivileged: undefined }]]);
});

test('a plan: 3, its config, its steps with their reasons, and what there is to know', async () => {
  const { exit, out, errors } = await migrated({ steps: STEPS, notes: [REMARK], config: 'cache: {}' });
  assert.equal(exit, 3);
  assert.match(
    out,
    /cache: \{\}[\s\S]*stop psi-secrets\.service {2}before its file goes\n1 steps to do; do them: add `--apply`/,
  );
  assert.match(errors, /^note: scope: it was ignored$/m);
});

test('carried out: 0, or 4 where something is left', async () => {
  const done = await migrated({ applied: true, steps: STEPS }, ['--apply', '--image', 'a/b', '--unprivileged']);
  assert.deepEqual(done.asked[0]?.[1], { apply: true, image: 'a/b', unprivileged: true });
  assert.equal(done.exit, 0);
  // Each when it is done, and not again in the end.
  assert.equal(done.out, 'stop psi-secrets.service  before its file goes\n1 steps done');
  const { out } = await migrated({ applied: true, steps: STEPS }, ['--apply', '--json']);
  assert.equal(out.split('\n').length, 1);
  const left = await migrated({
    applied: true,
    steps: STEPS,
    left: [{ subject: 'app--A', reason: 'it is old', hint: 'look' }],
  });
  assert.equal(left.exit, 4);
  assert.match(left.errors, /^left: app--A: it is old$/m);
});

test('refused: 4, and how to mend it', async () => {
  const { exit, out, errors } = await migrated({
    refusals: [{ subject: 'x', reason: 'it is no key', hint: 'remove it' }],
  });
  assert.equal(exit, 4);
  assert.match(errors, /^refused: x: it is no key$\n^hint: remove it$/m);
  assert.match(out, /^nothing was done/);
});

test('ended on the way: 1', async () => {
  const failure = failureOf(new PsiError('HOST', 'the migration ended at: start psi.service', { hint: 'again' }));
  const { exit, errors } = await migrated({ applied: true, steps: STEPS, failure });
  assert.equal(exit, 1);
  assert.match(errors, /ended at: start psi\.service/);
});

test('as JSON', async () => {
  const { exit, out } = await migrated({ steps: STEPS, notes: [REMARK] }, ['--json']);
  const answer: unknown = JSON.parse(out);
  assert.deepEqual(answer, {
    format: 1,
    command: 'migrate',
    exit,
    result: {
      ...{ applied: false, steps: STEPS, refusals: [], left: [], config: null },
      notes: [{ ...REMARK, hint: null }],
    },
    failure: null,
  });
});

test('not from within the container of psi.service', async () => {
  const { exit, errors } = await migrated({}, [], true);
  assert.equal(exit, 64);
  assert.match(errors, /within its own container/);
});
