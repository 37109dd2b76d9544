// How long an answer is and what lies at a path is decided by others: PSI as a process keeps to its bounds whatever they send or put there.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isList, type Asked, type Told } from './observed/front.ts';
import { said, stage, type Looked, type Observed } from './observed/stage.ts';

const MB = 1024 ** 2;
const MOST_MEMORY = 400 * MB;

/** Far more than PSI may hold, and not so much that the machine of an older one is in danger. */
const LONG = 700;

const BLANKS = Buffer.alloc(MB, ' ');
const BEGINNING = '{"secrets":[';

/** The beginning of a listing, and blanks after it without an end. */
async function* endless(): AsyncGenerator<Buffer> {
  yield Buffer.from(BEGINNING);
  for (let sent = 0; sent < LONG; sent += 1) yield BLANKS;
  await new Promise(() => undefined);
}

async function* bomb(): AsyncGenerator<Buffer> {
  // Parts that were compressed by themselves are one whole for whoever takes it apart.
  yield gzipSync(BEGINNING);
  const part = gzipSync(Buffer.alloc(50 * MB, ' '), { level: 9 });
  for (let sent = 0; sent < LONG; sent += 50) yield part;
  await new Promise(() => undefined);
}

const LONG_ANSWERS: Readonly<Record<string, (status: number) => Told>> = {
  'without an end': (status) => ({ status, body: Readable.from(endless()) }),
  'compressed to a thousandth': (status) => ({
    status,
    body: Readable.from(bomb()),
    headers: { 'content-encoding': 'gzip' },
  }),
  'of 1.1 GB by its header': (status) => ({
    status,
    body: Readable.from(endless()),
    headers: { 'content-length': String(1126 * MB) },
  }),
};

const FOLDERS = ['A', 'B', 'C'] as const;

async function registered(t: Parameters<typeof stage>[0]): Promise<Observed> {
  const it = await stage(t, {
    folders: Object.fromEntries(
      [...FOLDERS, 'SMALL'].map((name) => [`/${name}`, { [name]: `value of ${name}`, [`${name}_2`]: 'x' }]),
    ),
    secrets: [...FOLDERS, 'SMALL'].map((name) => ({ project: 'main', path: `/${name}` })),
    lookups: 'by list',
  });
  await it.registered();
  await it.restart();
  return it;
}

const isBig = (asked: Asked): boolean =>
  isList(asked) && FOLDERS.some((name) => asked.query.get('secretPath') === `/${name}`);

/** The most that the process had in memory at any time. */
async function peakMemory({ psi }: Observed): Promise<number> {
  const status = await readFile(`/proc/${String(psi.pid)}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

async function assertSmall(it: Observed): Promise<void> {
  const peak = await peakMemory(it);
  assert.ok(peak <= MOST_MEMORY, `${String(Math.round(peak / MB))} MB`);
}

const served = (name: string): Looked => ({ ok: true, source: 'live', value: `value of ${name}` });

for (const [what, answer] of Object.entries(LONG_ANSWERS)) {
  // A01
  test(`lists of three folders at once, ${what}: each secret is read by itself, and setup names folder and size`, async (t) => {
    const it = await registered(t);
    it.front.answer = (asked) => (isBig(asked) ? answer(200) : undefined);
    const looked = await Promise.all([...FOLDERS, 'SMALL'].map((name) => it.lookup(name)));
    await assertSmall(it);
    assert.deepEqual(looked, [...FOLDERS, 'SMALL'].map(served));
    const before = await it.targets();
    const setup = await it.setup();
    assert.notEqual(setup.code, 0);
    assert.match(said(setup), /the folder main:\/A is larger than 64 MB[^]*`limits\.answers`/);
    assert.deepEqual(await it.targets(), before);
    await assertSmall(it);
  });

  test(`a refusal and a login ${what} are read no further than they have to be`, async (t) => {
    const it = await registered(t);
    it.front.answer = (asked) => (isBig(asked) ? answer(500) : undefined);
    const looked = await Promise.all(FOLDERS.map((name) => it.lookup(name)));
    for (const one of looked) assert.ok(!one.ok && one.code === 'PROVIDER_DOWN', JSON.stringify(one));
    it.front.answer = ({ path }) => (path.includes('/auth/') ? answer(200) : undefined);
    const login = await it.psi.cli('infisical', 'login');
    assert.match(said(login), /an answer of infisical at \S+ is larger than 64 MB/);
    await assertSmall(it);
  });
}

test('a folder that just fits is registered and looked up as before', async (t) => {
  const keys = Array.from({ length: 120 }, (_, index) => `K${String(index)}`);
  const value = 'v'.repeat(500_000);
  const it = await stage(t, {
    folders: { '/app': Object.fromEntries(keys.map((key) => [key, value])) },
    secrets: [{ project: 'main', path: '/app', include: ['K1', 'K2'], as: 'mount' }],
    lookups: 'by list',
  });
  await it.registered();
  assert.deepEqual(await it.lookup('K1'), { ok: true, source: 'live', value });
});
