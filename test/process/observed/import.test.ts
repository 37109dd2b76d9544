// Writing to a server that checks what values refer to, and that limits requests.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunResult } from '../../hosts/run.ts';
import type { Asked } from './front.ts';
import { isList } from './front.ts';
import { PLACE, said, stage, type Observed } from './stage.ts';

async function importInto(it: Observed, lines: readonly string[], ...flags: readonly string[]): Promise<RunResult> {
  const file = join(it.options.dir, 'import.env');
  await writeFile(file, `${lines.join('\n')}\n`);
  return it.psi.cli('infisical', 'import', 'env-file', file, '--project', 'main', '--path', '/new', ...flags);
}

function stored(it: Observed): Readonly<Record<string, string>> {
  const folder = it.infisical.state.projects
    .get(PLACE.project)
    ?.environments.get(PLACE.environment)
    ?.folders.get('/new');
  return Object.fromEntries([...(folder?.secrets.values() ?? [])].map(({ key, value }) => [key, value]));
}

const GOOD = ['DB_HOST=db.internal', 'DB_PORT=5432', 'TOKEN=canary-token', "QUOTED='two words'"];
const GOOD_STORED = { DB_HOST: 'db.internal', DB_PORT: '5432', TOKEN: 'canary-token', QUOTED: 'two words' };

/** A value that the server refuses for what it refers to: the key, and its line of an env file. */
const BAD: Readonly<Record<string, { readonly key: string; readonly line: string }>> = {
  'a reference to nothing': { key: 'REFERS', line: "REFERS='${NOPE}'" },
  'a password that looks like one': { key: 'PASSWORD', line: "PASSWORD='pa$$w0rd${x}end'" },
  'a reference to a missing environment': { key: 'REFERS', line: "REFERS='${nowhere.KEY}'" },
  // June 2025 answers 500 to it.
  'a reference into a missing folder': { key: 'REFERS', line: "REFERS='${prod.nowhere.KEY}'" },
};

for (const generation of ['2025', '2025-v4'] as const) {
  for (const [what, { key, line }] of Object.entries(BAD)) {
    // I4
    test(`${generation}: an import with ${what}: the other keys are written, this one is named, and nothing points to the project`, async (t) => {
      const it = await stage(t, { generation });
      const run = await importInto(it, [...GOOD.slice(0, 2), line, ...GOOD.slice(2)]);
      assert.deepEqual(stored(it), GOOD_STORED, said(run));
      assert.equal(run.code, 1, said(run));
      assert.match(run.stderr, new RegExp(`\\b${key}\\b`));
      assert.doesNotMatch(said(run), /id of the project|slug of the environment|canary|may have been written/);
    });
  }

  // I4
  test(`${generation}: an import with a reference to a key of the same file writes both`, async (t) => {
    const it = await stage(t, { generation });
    const run = await importInto(it, ["URL='postgres://${DB_HOST}:5432'", ...GOOD]);
    assert.deepEqual(stored(it), { URL: 'postgres://${DB_HOST}:5432', ...GOOD_STORED }, said(run));
    assert.equal(run.code, 0, said(run));
  });
}

// I4, the other side: a server of 2026 takes it. Holds at 3670dbc too.
test('v4: an import with a reference to nothing is taken as it is', async (t) => {
  const it = await stage(t, { generation: 'v4' });
  const run = await importInto(it, ["REFERS='${NOPE}'", ...GOOD]);
  assert.deepEqual(stored(it), { REFERS: '${NOPE}', ...GOOD_STORED }, said(run));
});

/** Longer than what a client waits by itself. */
const LIMITED = {
  status: 429,
  headers: { 'retry-after': '2' },
  body: {
    reqId: 'req-1',
    statusCode: 429,
    message: 'Rate limit exceeded. Please try again in 2 seconds',
    error: 'RateLimitExceeded',
  },
} as const;

/** The calls of one import, each of them limited once. */
const CALLS: Readonly<Record<string, (asked: Asked) => boolean>> = {
  'the login': ({ path }) => path.endsWith('/login'),
  'the first listing': (asked) => isList(asked),
  'the making of the folder': ({ method, path }) => method === 'POST' && path.endsWith('/folders'),
  'the writing': ({ method, path }) => method === 'POST' && path.includes('/secrets'),
};

for (const [what, isIt] of Object.entries(CALLS)) {
  // I5
  test(`an import waits where ${what} is limited, and writes everything`, async (t) => {
    const it = await stage(t, { generation: '2025' });
    let limited = 0;
    it.front.answer = (asked) => (isIt(asked) && (limited += 1) === 1 ? LIMITED : undefined);
    const run = await importInto(it, GOOD);
    assert.ok(limited > 0, 'the call was never made');
    assert.deepEqual(stored(it), GOOD_STORED, said(run));
    assert.equal(run.code, 0, said(run));
  });
}

// I5
test('an import waits where the listing that checks what was written is limited', async (t) => {
  const it = await stage(t, { generation: '2025' });
  let written = false;
  let limited = false;
  it.front.answer = (asked) => {
    if (asked.method === 'POST' && asked.path.includes('/secrets')) written = true;
    if (!written || limited || !isList(asked)) return undefined;
    limited = true;
    return LIMITED;
  };
  const run = await importInto(it, GOOD);
  assert.ok(limited, 'nothing was listed after the writing');
  assert.deepEqual(stored(it), GOOD_STORED, said(run));
  assert.equal(run.code, 0, said(run));
});
