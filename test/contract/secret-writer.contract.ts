// What every SecretWriter keeps, on the fake and on Infisical over HTTP.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { PsiError } from '../../src/core/error.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import type { SecretSource } from '../../src/provider/secret-source.ts';
import type { SecretToWrite, SecretWriter } from '../../src/provider/secret-writer.ts';

export type WriterUnderTest = {
  readonly writer: SecretWriter;
  /** The reading half of the same server. */
  readonly source: SecretSource;
  /** From now on writes in project `main` need an approval. */
  readonly requireApproval: () => void;
  /** The next write fails like this; the limit names 30 s. */
  readonly failNext: (how: 'denied' | 'down' | 'limit') => void;
  readonly stop: () => Promise<void>;
};

const APP = { project: 'main', path: '/app' };

export function secretWriterContract(name: string, start: () => Promise<WriterUnderTest>): void {
  describe(`secret writer: ${name}`, () => {
    let on: WriterUnderTest;
    const signal = (): AbortSignal => AbortSignal.timeout(7_000);
    const secrets = (values: Readonly<Record<string, string>>): readonly SecretToWrite[] =>
      Object.entries(values).map(([key, value]) => ({ key, value: SecretValue.fromText(value) }));
    const create = (values: Readonly<Record<string, string>>, place = APP): Promise<unknown> =>
      on.writer.create(place, secrets(values), signal());
    const overwrite = (values: Readonly<Record<string, string>>): Promise<unknown> =>
      on.writer.overwrite(APP, secrets(values), signal());
    const stored = async (place = APP): Promise<Readonly<Record<string, string | undefined>>> => {
      const listed = await on.source.list(place, { recursive: false, values: true, signal: signal() });
      const values = listed.map(async ({ key, fetched, unsettled }) => {
        // What looks like a reference is told by a single read alone.
        const value = unsettled ? await on.source.get({ ...place, key }, signal()) : fetched;
        return [key, value?.value.exposeText()] as const;
      });
      return Object.fromEntries(await Promise.all(values));
    };

    beforeEach(async () => {
      on = await start();
      await on.writer.ensureFolder(APP, signal());
    });
    afterEach(() => on.stop());

    test('makes a folder with its parents, and says nothing of one that is there', async () => {
      const deep = { project: 'main', path: '/a/b/c' };
      await on.writer.ensureFolder(deep, signal());
      await on.writer.ensureFolder(deep, signal());
      await on.writer.ensureFolder({ project: 'main', path: '/' }, signal());
      await create({ A: '1' }, deep);
      assert.deepEqual(await stored(deep), { A: '1' });
    });

    test('creates secrets byte for byte, empty ones too', async () => {
      const odd = 'two lines\r\nwith "quotes", \\back\\slashes, $SIGNS, ${NOTHING} and ünïcödé 🔑\n';
      assert.deepEqual(await create({ ODD: odd, EMPTY: '' }), { kind: 'written', altered: [] });
      assert.deepEqual(await stored(), { ODD: odd, EMPTY: '' });
    });

    test('creates all of a batch or none of it, and says CONFLICT where a key is there', async () => {
      await create({ A: '1' });
      await assert.rejects(create({ B: '2', A: '3' }), { code: 'CONFLICT', retry: 'no' });
      assert.deepEqual(await stored(), { A: '1' });
    });

    test('overwrites what is there', async () => {
      await create({ A: '1', B: '2' });
      assert.deepEqual(await overwrite({ A: 'new' }), { kind: 'written', altered: [] });
      assert.deepEqual(await stored(), { A: 'new', B: '2' });
    });

    test('tells a change request from a write', async () => {
      await create({ A: '1' });
      on.requireApproval();
      for (const outcome of [await create({ B: '2' }), await overwrite({ A: 'new' })]) {
        assert.ok(typeof outcome === 'object' && outcome !== null && 'kind' in outcome && 'request' in outcome);
        assert.equal(outcome.kind, 'approval');
        assert.notEqual(outcome.request, '');
      }
      assert.deepEqual(await stored(), { A: '1' });
    });

    test('says PLACE_NOT_FOUND of a folder that is not there', async () => {
      await assert.rejects(create({ A: '1' }, { project: 'main', path: '/nowhere' }), { code: 'PLACE_NOT_FOUND' });
    });

    test('knows which keys beside it a value refers to, and whether it refers to any', () => {
      const references = (value: string): readonly string[] | undefined =>
        on.writer.references(APP, { key: 'K', value: SecretValue.fromText(value) });
      assert.deepEqual(references('pg://${USER}:${PASSWORD}@${USER}'), ['USER', 'PASSWORD']);
      for (const text of ['', '$USER', '${', '${a b}', '$(x)']) assert.equal(references(text), undefined);
    });

    test('divides secrets into batches without losing any', () => {
      const many = secrets(Object.fromEntries(Array.from({ length: 700 }, (_, at) => [`K${String(at)}`, 'x'])));
      const batches = on.writer.batches(many);
      assert.ok(batches.length > 1);
      assert.deepEqual(batches.flat(), many);
      assert.deepEqual(on.writer.batches([]), []);
    });

    test('says PROVIDER_DENIED, PROVIDER_DOWN and THROTTLED, and writes again afterwards', async () => {
      on.failNext('denied');
      await assert.rejects(create({ A: '1' }), { code: 'PROVIDER_DENIED', retry: 'no' });
      on.failNext('down');
      await assert.rejects(create({ A: '1' }), { code: 'PROVIDER_DOWN', retry: 'later' });
      on.failNext('limit');
      await assert.rejects(create({ A: '1' }), { code: 'THROTTLED', retryAfterMs: 30_000 });
      await create({ A: '1' });
      assert.deepEqual(await stored(), { A: '1' });
    });

    test('ends with its signal', async () => {
      const late = AbortSignal.abort(new PsiError('DEADLINE', 'it took too long'));
      await assert.rejects(on.writer.create(APP, secrets({ A: '1' }), late), { code: 'DEADLINE' });
    });
  });
}
