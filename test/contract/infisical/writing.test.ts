// What only a server shows of writing: which names and values it alters or refuses, what it is asked, and what its refusals may not repeat.
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { InfisicalSDK } from '@infisical/sdk';
import { createInfisicalSource } from '../../../src/adapters/infisical/source.ts';
import { createInfisicalWriter } from '../../../src/adapters/infisical/writer.ts';
import type { PsiError } from '../../../src/core/error.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import type { SecretSource } from '../../../src/provider/secret-source.ts';
import type { SecretToWrite, SecretWriter } from '../../../src/provider/secret-writer.ts';
import type { Conflict, ImportReport } from '../../../src/transfer/import/report.ts';
import { importSecrets } from '../../../src/transfer/import/secrets.ts';
import { at, CLIENT_SECRET, patient, PROD, ROOT, startStage, type Stage, type StageOptions } from './stage.ts';
import { INFISICAL_WORDS } from '../../../src/adapters/infisical/provider-words.ts';

let stage: Stage;
let writer: SecretWriter;
let source: SecretSource;

async function restage(options: StageOptions = {}): Promise<void> {
  stage = await startStage(options);
  const connection = stage.connect();
  writer = createInfisicalWriter(connection);
  source = createInfisicalSource(connection);
}
afterEach(() => stage.stop());

const secret = (key: string, value: string): SecretToWrite => ({ key, value: SecretValue.fromText(value) });
const stored = (key: string): string | undefined =>
  stage.double.state.projects
    .get(PROD.project)
    ?.environments.get('prod')
    ?.folders.get('/')
    ?.secrets.get(`shared:${key}`)?.value;

describe('names and values that a server does not keep', () => {
  const REFUSED: readonly (readonly [what: string, key: string, value: string | Uint8Array])[] = [
    ['white space before a value', 'K', ' value'],
    ['white space behind a value', 'K', 'value\t'],
    ['two last newlines', 'K', 'value\n\n'],
    ['a last line end of Windows', 'K', 'value\r\n'],
    ['nothing but spaces', 'K', '  '],
    ['a byte order mark', 'K', '\ufeffvalue'],
    ['no UTF-8', 'K', new Uint8Array([0xff, 0xfe])],
    ['the text that stands for a hidden value', 'K', '<hidden-by-infisical>'],
    ['more than a request carries', 'K', 'x'.repeat(1_000_001)],
    ['no name', '', 'value'],
    ['a blank around a name', 'K ', 'value'],
    ['a colon in a name', 'a:b', 'value'],
    ['a slash in a name', 'a/b', 'value'],
  ];
  for (const [what, key, value] of REFUSED) {
    test(`objects to ${what}, and sends nothing`, async () => {
      await restage();
      const bytes = typeof value === 'string' ? SecretValue.fromText(value) : new SecretValue(value);
      assert.equal(writer.objection({ key, value: bytes })?.kind, 'refuse');
      await assert.rejects(writer.create(ROOT, [{ key, value: bytes }], patient()), { code: 'BAD_REQUEST' });
      assert.equal(stage.double.count('write'), 0);
    });
  }

  test('warns of what looks like a reference, and of nothing else with a dollar', async () => {
    await restage();
    // Whatever the server looks for between the braces, a name that is none included.
    for (const value of ['${KEY}', 'a ${dev.folder.KEY} b', '${@other.prod.KEY}', 'pa$$w0rd${x}end', '${a..b}', '${.}'])
      assert.equal(writer.objection(secret('K', value))?.kind, 'warn');
    for (const value of ['$KEY', '${KEY:-x}', '$(KEY)', '${}', '${a b}', '${KEY', 'x\n', '\n', ''])
      assert.equal(writer.objection(secret('K', value)), undefined);
  });

  test('objects to exactly the values that the server alters', async () => {
    await restage();
    const text = fc.array(
      fc.constantFrom('a', ' ', '\n', '\r', '\t', '\u00a0', '\ufeff', '\u2028', '$', '"', 'é', '🔑'),
      {
        maxLength: 6,
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(text, { maxLength: 40, selector: (parts) => parts.join('') }), async (values) => {
        const all = values.map((parts, at) => secret(`K${String(at)}`, parts.join('')));
        const objected = all.filter((each) => writer.objection(each) !== undefined);
        for (const { value } of objected) {
          const text = value.exposeExactText() ?? '';
          assert.notEqual(text.endsWith('\n') ? `${text.trim()}\n` : text.trim(), text);
        }
        const taken = all.filter((each) => !objected.includes(each));
        if (taken.length === 0) return;
        const outcome = await writer.overwrite(ROOT, taken, patient());
        assert.deepEqual(outcome, { kind: 'written', altered: [] });
        for (const { key, value } of taken) assert.equal(stored(key), value.exposeExactText());
      }),
      { seed: 20261124, numRuns: 40 },
    );
  });
});

test('a value that the server keeps otherwise is named', async () => {
  await restage();
  const altered = {
    secrets: [
      { secretKey: 'A', secretValue: 'A VALUE' },
      { secretKey: 'B', secretValue: 'b' },
    ],
  };
  stage.double.knobs.failNext(1, { status: 200, body: altered, only: ['write'] });
  const outcome = await writer.create(ROOT, [secret('A', 'a value'), secret('B', 'b')], patient());
  assert.deepEqual(outcome, { kind: 'written', altered: ['A'] });
});

test('a batch stays below what a request may hold, also where every character is escaped', async () => {
  await restage();
  const large = Array.from({ length: 12 }, (_, at) => secret(`K${String(at)}`, '"\n'.repeat(60_000)));
  const batches = writer.batches(large);
  assert.equal(batches.flat().length, 12);
  for (const batch of batches) assert.equal((await writer.create(ROOT, batch, patient())).kind, 'written');
});

test('an answer that was lost is not asked for again when secrets are created, and is when they are overwritten', async () => {
  await restage();
  stage.double.knobs.failNext(1, { status: 502, body: 'bad gateway', only: ['write'] });
  await assert.rejects(writer.create(ROOT, [secret('A', '1')], patient()), { code: 'PROVIDER_DOWN' });
  assert.equal(stage.double.count('write'), 1);
  stage.double.knobs.failNext(1, { status: 502, body: 'bad gateway', only: ['write'] });
  assert.equal((await writer.overwrite(ROOT, [secret('A', '1')], patient())).kind, 'written');
});

test('a secret that has gone since it was listed is made again by an overwrite', async () => {
  await restage();
  await writer.overwrite(ROOT, [secret('GONE', 'again')], patient());
  assert.equal(stored('GONE'), 'again');
});

test('the refusal of a write repeats no value, however short or escaped', async () => {
  await restage();
  for (const value of ['pw', 'hunter2', 'a much longer value', 'two\nlines "quoted"']) {
    const message = `Policy: ${JSON.stringify(value)} is too weak`;
    stage.double.knobs.failNext(1, {
      status: 400,
      body: { reqId: 'req-1', message, error: 'BadRequest' },
      only: ['write'],
    });
    const error = await writer.create(ROOT, [secret('A', value)], patient()).then(
      () => assert.fail('it was taken'),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof Error);
    assert.match(error.message, /^infisical does not take it/);
    for (const line of value.split('\n')) assert.ok(!error.message.includes(line), error.message);
  }
});

test('a write that the identity may not make says which right it lacks', async () => {
  await restage();
  stage.double.state.deny('client-1', { actions: ['create'] });
  await assert.rejects(writer.create(ROOT, [secret('A', '1')], patient()), {
    code: 'PROVIDER_DENIED',
    message: /refuses to write secrets to main:\/ \(environment prod\)/,
  });
  await assert.rejects(writer.ensureFolder({ project: 'main', path: '/x' }, patient()), {
    code: 'PROVIDER_DENIED',
    message: /refuses to create the folder main:\/x/,
  });
});

test('an environment that is not there is no success', async () => {
  await restage();
  const { environments } = stage.double.state.projects.get(PROD.project) ?? { environments: new Map() };
  environments.delete('prod');
  await assert.rejects(writer.ensureFolder({ project: 'main', path: '/x' }, patient()), {
    code: 'PLACE_NOT_FOUND',
  });
});

test('a folder name that the server does not take is its own message', async () => {
  await restage();
  await assert.rejects(writer.ensureFolder({ project: 'main', path: '/with blank' }, patient()), {
    code: 'BAD_REQUEST',
    message: /invalid name/,
  });
});

test('the server of 2024 is asked for the slug of a project once', async () => {
  await restage({ double: { generation: '2024' } });
  await writer.create(ROOT, [secret('A', '1')], patient());
  await writer.overwrite(ROOT, [secret('A', '2')], patient());
  assert.equal(stored('A'), '2');
  assert.equal(stage.double.count('project'), 1);
});

const APP = { project: 'main', path: '/app' } as const;
const GENERATIONS = ['2024', '2025', '2025-v4', 'v4'] as const;
/** What a value refers to has to be there when it is written. */
const STRICT = ['2025', '2025-v4'] as const;

async function imported(
  values: Readonly<Record<string, string>>,
  conflict: Conflict = 'fail',
  dryRun = false,
): Promise<ImportReport> {
  const entries = Object.entries(values).map(([key, value], line) => {
    return { ...secret(key, value), from: `x.env:${String(line + 1)}` };
  });
  const deps = { source, writer, words: INFISICAL_WORDS, clock: stage.clock };
  const request = { place: APP, found: { entries, refused: [] }, conflict, dryRun };
  return importSecrets(deps, request, () => undefined);
}

/** Wakes whoever waits for a limit; a call under way needs turns of the loop and no time. */
async function woken<T>(running: Promise<T>, waits: readonly unknown[]): Promise<T> {
  const pending = Symbol('pending');
  const bound = patient();
  let seen = 0;
  while ((await Promise.race([running, Promise.resolve(pending)])) === pending) {
    bound.throwIfAborted();
    const waiting = waits.length > seen;
    seen = waits.length;
    if (waiting) await stage.clock.advance(60_000);
    else await new Promise(setImmediate);
  }
  return running;
}

const shown = ({ results }: ImportReport): Readonly<Record<string, string>> =>
  Object.fromEntries(
    results.map(({ key, outcome, reason }) => [
      String(key),
      reason === null ? outcome : `${outcome}: ${reason.replace(/ \[req-[\w-]+\]/, '')}`,
    ]),
  );
const own = (path = '/app'): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [
      ...(stage.double.state.projects.get(PROD.project)?.environments.get('prod')?.folders.get(path)?.secrets ?? []),
    ].map(([, { key, value }]) => [key, value]),
  );

/** Rows 11, 17, 24 of what was observed, and what was read beside them in the source of June 2025. */
const REFERRING = {
  PLAIN: 'x',
  NOWHERE: 'pa$$w0rd-canary${x}end',
  TWICE: 'canary-${PLAIN}-${y}',
  SELF: '${SELF}',
  ENVIRONMENT: 'canary ${none.K}',
  FOLDER: 'canary ${prod.none.K}',
  LOCKED: 'canary ${prod.locked.K}',
  CHAIN: '${LINK}',
  LINK: '${prod.app.PLAIN}',
  TEXT: '$HOME %d ${a b} ${',
} as const;

for (const generation of STRICT) {
  test(`values that refer to what is not there are refused by name, and all others are written (${generation})`, async () => {
    await restage({ double: { generation } });
    stage.double.state.setSecret({ ...PROD, path: '/locked', key: 'K', value: 'v' });
    stage.double.state.deny('client-1', { path: '/locked', actions: ['describe', 'readValue'] });
    const report = await imported(REFERRING);
    const refers = (reference: string): string =>
      `refused: infisical does not take a value that refers to ${reference}`;
    assert.deepEqual(shown(report), {
      PLAIN: 'created',
      NOWHERE: `${refers('${x}')}: it has no such secret`,
      TWICE: `${refers('${y}')}: it has no such secret`,
      SELF: `${refers('${SELF}')}: it has no such secret`,
      ENVIRONMENT: `${refers('${none.K}')}: it has no such environment`,
      FOLDER: 'failed: infisical failed (500) on a value that refers to ${prod.none.K}: is that folder there?',
      LOCKED: `${refers('${prod.locked.K}')}: the identity may not see that secret`,
      CHAIN: 'created',
      LINK: 'created',
      TEXT: 'created',
    });
    for (const { outcome, hint } of report.results.filter(({ reason }) => reason !== null))
      assert.match(hint ?? '', /^make what it refers to first; or, if the text itself is meant, encode it/, outcome);
    assert.deepEqual([report.failure, report.exit], [null, 1]);
    assert.doesNotMatch(JSON.stringify(report), /canary|w0rd/);
    const { PLAIN, CHAIN, LINK, TEXT } = REFERRING;
    assert.deepEqual(own(), { PLAIN, CHAIN, LINK, TEXT });
  });
}

for (const generation of ['2024', 'v4'] as const) {
  test(`values may refer to what is not there, and are warned of (${generation})`, async () => {
    await restage({ double: { generation } });
    const report = await imported(REFERRING);
    assert.deepEqual([report.failure, report.exit], [null, 0]);
    assert.deepEqual(own(), REFERRING);
  });
}

for (const generation of GENERATIONS) {
  test(`a dry run warns of each value that refers to something, and writes nothing (${generation})`, async () => {
    await restage({ double: { generation } });
    const report = await imported(REFERRING, 'fail', true);
    const warned = report.results.filter(({ notes }) => notes.some((note) => note.includes('as a reference')));
    assert.deepEqual(
      warned.map(({ key }) => key),
      Object.keys(REFERRING).filter((key) => key !== 'PLAIN' && key !== 'TEXT'),
    );
    assert.equal(stage.double.count('write'), 0);
  });

  test(`a chain of references is written from its end (${generation})`, async () => {
    await restage({ double: { generation } });
    const chain = Object.fromEntries(
      Array.from({ length: 15 }, (_, at) => [`K${String(at)}`, at === 14 ? 'end' : `\${K${String(at + 1)}}`]),
    );
    assert.equal((await imported(chain)).exit, 0);
    assert.deepEqual(own(), chain);
  });

  test(`an overwrite of values that refer to something names the bad ones alone (${generation})`, async () => {
    await restage({ double: { generation } });
    const old = { A: 'old', B: 'old', C: 'old', D: 'old' };
    for (const [key, value] of Object.entries(old)) stage.double.state.setSecret({ ...PROD, path: '/app', key, value });
    const values = { A: '${B}', B: '${NOPE}', C: '${prod.none.K}', D: 'new' };
    const report = await imported(values, 'overwrite');
    const strict = generation === '2025' || generation === '2025-v4';
    assert.deepEqual(own(), strict ? { ...values, B: 'old', C: 'old' } : values);
    assert.equal(report.exit, strict ? 1 : 0);
    if (!strict) return;
    assert.match(shown(report)['B'] ?? '', /^refused: .* \$\{NOPE\}: it has no such secret$/);
    assert.match(shown(report)['C'] ?? '', /^failed: .*500.* \$\{prod\.none\.K\}.*; it may have been written$/);
  });

  test(`limits are waited out on every call of an import (${generation})`, async () => {
    await restage({ double: { generation } });
    stage.double.knobs.set({ limits: { secrets: 1, read: 1, write: 1 } });
    const waits: string[] = [];
    const deps = { source, writer, words: INFISICAL_WORDS, clock: stage.clock };
    // Uses up what the import is to wait for.
    await source.list(ROOT, { recursive: false, values: false, signal: patient() });
    const found = {
      entries: [
        { ...secret('A', '${B}'), from: 'x:1' },
        { ...secret('B', 'x'), from: 'x:2' },
      ],
      refused: [],
    };
    const running = importSecrets(deps, { place: APP, found, conflict: 'fail', dryRun: false }, (event) => {
      if (event.event === 'waiting') waits.push(event.message);
    });
    const report = await woken(running, waits);
    assert.deepEqual([report.failure, report.exit], [null, 0]);
    assert.ok(waits.length >= 2, String(waits.length));
    assert.match(waits[0] ?? '', /limits requests \(429\); it asks to wait 60 s/);
  });

  test(`a database that is down is no fault of a value (${generation})`, async () => {
    await restage({ double: { generation } });
    stage.double.state.setSecret({ ...PROD, path: '/app', key: 'OLD', value: 'v' });
    await source.list(APP, { recursive: false, values: false, signal: patient() });
    const body = { reqId: 'req-1', statusCode: 500, message: 'Something went wrong', error: 'Find one' };
    stage.double.knobs.failNext(1, { status: 500, body, only: ['write'] });
    const report = await imported({ A: '${prod.app.OLD}', B: '${OLD}' });
    assert.equal(report.failure?.code, 'PROVIDER_DOWN');
    assert.equal(report.exit, 69);
    assert.match(shown(report)['A'] ?? '', /^failed: infisical answered 500.*; it may have been written$/);
    assert.match(report.results[0]?.hint ?? '', /--conflict skip/);
  });
}

for (const generation of GENERATIONS) {
  test(`an import into a project that is not there promises nothing, and names the project (${generation})`, async () => {
    await restage({ double: { generation } });
    const clientSecret = at('the field');
    const auth = { method: 'universal-auth', clientId: 'client-1', clientSecret, organization: undefined } as const;
    const connection = stage.connect({ projects: new Map([['main', { id: 'nowhere', environment: 'prod', auth }]]) });
    writer = createInfisicalWriter(connection);
    source = createInfisicalSource(connection);
    for (const dryRun of [true, false]) {
      await assert.rejects(imported({ A: '1' }, 'fail', dryRun), (error: PsiError) => {
        assert.ok(['PLACE_NOT_FOUND', 'PROVIDER_DENIED'].includes(error.code), error.code);
        assert.match(`${error.message} ${error.hint ?? ''}`, /project/);
        return true;
      });
    }
    assert.equal(stage.double.count('write'), 0);
  });
}

test('a name with a blank is refused by itself where the server takes none (2025)', async () => {
  await restage({ double: { generation: '2025' } });
  const report = await imported({ 'A B': '1', C: '2' });
  assert.deepEqual(own(), { C: '2' });
  assert.match(shown(report)['A B'] ?? '', /^refused: infisical does not take it: invalid secretKey$/);
  assert.match(report.results[0]?.hint ?? '', /^give it another name/);
});

for (const generation of GENERATIONS) {
  test(`keys that came into the folder meanwhile are a conflict (${generation})`, async () => {
    await restage({ double: { generation } });
    await writer.ensureFolder(APP, patient());
    await writer.create(APP, [secret('A', '1'), secret('B', '2')], patient());
    await assert.rejects(writer.create(APP, [secret('A', '1'), secret('B', '2'), secret('C', '3')], patient()), {
      code: 'CONFLICT',
      message: /infisical has some of these keys in main:\/app/,
    });
  });

  test(`a folder that has gone, and an environment that is not there, are no missing project (${generation})`, async () => {
    await restage({ double: { generation } });
    for (const how of ['create', 'overwrite'] as const) {
      await assert.rejects(writer[how](APP, [secret('A', '1')], patient()), {
        code: 'PLACE_NOT_FOUND',
        message: /^infisical has no folder \/app in environment prod of project main/,
        hint: /^check the path and the environment slug/,
      });
    }
  });
}

for (const generation of ['v4', '2024'] as const) {
  test(`a key that the folder only imports is no conflict for an import (${generation})`, async () => {
    await restage({ double: { generation } });
    stage.double.state.setSecret({ ...PROD, path: '/shared', key: 'A', value: 'imported' });
    stage.double.state.addImport({ ...PROD, path: '/app', fromEnvironment: 'prod', fromPath: '/shared' });
    const place = { project: 'main', path: '/app' };
    const found = { entries: [{ ...secret('A', 'own'), from: 'x.env:1' }], refused: [] };
    const request = { place, found, conflict: 'fail', dryRun: false } as const;
    const report = await importSecrets(
      { source, writer, words: INFISICAL_WORDS, clock: stage.clock },
      request,
      () => undefined,
    );
    assert.deepEqual(
      report.results.map(({ outcome }) => outcome),
      ['created'],
    );
    assert.equal((await source.get({ ...place, key: 'A' }, patient())).value.exposeText(), 'own');
  });
}

test('the official client reads what was written', async () => {
  await restage();
  const values = { A: '1', 'dots.and-dashes': 'two\nlines', QUOTES: `'"\`\\$x`, EMPTY: '', Ä: '🔑' };
  await writer.create(
    ROOT,
    Object.entries(values).map(([key, value]) => secret(key, value)),
    patient(),
  );
  const sdk = new InfisicalSDK({ siteUrl: stage.double.url });
  const client = await sdk.auth().universalAuth.login({ clientId: 'client-1', clientSecret: CLIENT_SECRET });
  const { secrets } = await client.secrets().listSecrets({ projectId: PROD.project, environment: 'prod' });
  assert.deepEqual(Object.fromEntries(secrets.map(({ secretKey, secretValue }) => [secretKey, secretValue])), values);
});
