// What every SecretSource keeps, on the fake and on Infisical over HTTP.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { PsiError } from '../../src/core/error.ts';
import type { SecretSource } from '../../src/provider/secret-source.ts';

export type SourceUnderTest = {
  readonly source: SecretSource;
  /** Stores a secret in project `main`; null: its value may not be read. */
  readonly set: (path: string, key: string, value: string | null) => void;
  /** Makes a folder that holds nothing. */
  readonly addFolder: (path: string) => void;
  /** The next call fails like this; the limit names 30 s. */
  readonly failNext: (how: 'denied' | 'down' | 'limit') => void;
  /** From now on nothing is answered. */
  readonly hang: () => void;
  readonly stop: () => Promise<void>;
};

export type SourceTraits = {
  /** Tells a folder that is not there from an empty one when it lists. */
  readonly knowsMissingFolders: boolean;
  /** What it says of the folders of a place that is not there: none, or the code of an error. */
  readonly missingParent: readonly string[] | 'PLACE_NOT_FOUND';
  /** Can hide a value and show the name. */
  readonly hides: boolean;
};

export function secretSourceContract(name: string, start: () => Promise<SourceUnderTest>, traits: SourceTraits): void {
  describe(`secret source: ${name}`, () => {
    let on: SourceUnderTest;
    const signal = (): AbortSignal => AbortSignal.timeout(7_000);
    const list = async (path: string, recursive = false, values = true): Promise<readonly unknown[]> => {
      const secrets = await on.source.list({ project: 'main', path }, { recursive, values, signal: signal() });
      return secrets
        .map((secret) => [secret.path, secret.key, secret.fetched?.value.exposeText()] as const)
        .sort((a, b) => (`${a[0]} ${a[1]}` < `${b[0]} ${b[1]}` ? -1 : 1));
    };
    const get = async (path: string, key: string): Promise<string> =>
      (await on.source.get({ project: 'main', path, key }, signal())).value.exposeText();

    const folders = (path: string): Promise<readonly string[]> =>
      on.source.folders({ project: 'main', path }, signal());
    const codeOf = (thrown: unknown): unknown => (thrown instanceof PsiError ? thrown.code : thrown);

    beforeEach(async () => {
      on = await start();
      on.set('/app', 'A', 'value of A');
    });
    afterEach(() => on.stop());

    test('lists the secrets of a folder with their values, and nothing from below it', async () => {
      on.set('/app', 'B', 'value of B');
      on.set('/app/below', 'C', 'value of C');
      assert.deepEqual(await list('/app'), [
        ['/app', 'A', 'value of A'],
        ['/app', 'B', 'value of B'],
      ]);
    });

    test('lists names alone when values are not asked for', async () => {
      assert.deepEqual(await list('/app', false, false), [['/app', 'A', undefined]]);
    });

    test('lists a key that several folders have once for each of them, when it lists recursively', async () => {
      on.set('/app/below', 'A', 'another A');
      on.set('/application', 'A', 'not below');
      assert.deepEqual(await list('/app', true), [
        ['/app', 'A', 'value of A'],
        ['/app/below', 'A', 'another A'],
      ]);
    });

    test('gives a value byte for byte, an empty one too', async () => {
      const odd = ' two lines\r\nwith "quotes", $SIGNS, ${NOTHING} and ünïcödé 🔑\n';
      on.set('/app', 'ODD', odd);
      on.set('/app', 'EMPTY', '');
      assert.equal(await get('/app', 'ODD'), odd);
      assert.equal(await get('/app', 'EMPTY'), '');
      assert.deepEqual((await list('/app'))[1], ['/app', 'EMPTY', '']);
    });

    test('finds a secret whatever its name is made of', async () => {
      for (const key of ['a b', 'ä', '50%', 'q?x=1&y', 'h#h', 'a/b', '..', ' blank ', 'K'.repeat(120), 'id', 'batch']) {
        on.set('/app', key, `value of ${key}`);
        assert.equal(await get('/app', key), `value of ${key}`);
      }
    });

    test('says NOT_FOUND of a secret that is not there, and PLACE_NOT_FOUND where its folder is not', async () => {
      const gone = { code: 'NOT_FOUND', retry: 'no' };
      const nowhere = { code: 'PLACE_NOT_FOUND', retry: 'no' };
      await assert.rejects(get('/app', 'NOPE'), gone);
      await assert.rejects(get('/app', 'a/b'), gone);
      await assert.rejects(get('/nowhere', 'A'), nowhere);
      if (traits.knowsMissingFolders) await assert.rejects(list('/nowhere'), nowhere);
    });

    // A server of 2024 has no hidden values, so there is nothing to hold it to.
    if (traits.hides) {
      test('hands out no value that is hidden', async () => {
        on.set('/app', 'HIDDEN', null);
        assert.deepEqual(await list('/app'), [
          ['/app', 'A', 'value of A'],
          ['/app', 'HIDDEN', undefined],
        ]);
        await assert.rejects(get('/app', 'HIDDEN'), { code: 'VALUE_HIDDEN', retry: 'no' });
      });
    }

    test('names the folders directly in a place, empty ones too, each once and in any order', async () => {
      on.set('/app/below/deep', 'C', 'value of C');
      on.set('/app/below', 'B', 'value of B');
      on.set('/application', 'A', 'not below');
      on.addFolder('/app/empty');
      assert.deepEqual((await folders('/')).toSorted(), ['app', 'application']);
      assert.deepEqual((await folders('/app')).toSorted(), ['below', 'empty']);
      assert.deepEqual(await folders('/app/empty'), []);
      assert.deepEqual(await folders('/nowhere').catch(codeOf), traits.missingParent);
    });

    test('fails for the folders of a place as it does for its secrets, and names what is limited', async () => {
      on.failNext('denied');
      await assert.rejects(folders('/'), { code: 'PROVIDER_DENIED', retry: 'no' });
      on.failNext('down');
      await assert.rejects(folders('/'), { code: 'PROVIDER_DOWN', retry: 'later' });
      on.failNext('limit');
      await assert.rejects(folders('/'), { code: 'THROTTLED', retry: 'later', retryAfterMs: 30_000 });
      assert.deepEqual(await folders('/'), ['app']);
    });

    test('says PROVIDER_DENIED when the identity may not', async () => {
      on.failNext('denied');
      await assert.rejects(get('/app', 'A'), { code: 'PROVIDER_DENIED', retry: 'no' });
      on.failNext('denied');
      await assert.rejects(list('/app'), { code: 'PROVIDER_DENIED', retry: 'no' });
    });

    test('says PROVIDER_DOWN, and works again as soon as the other side does', async () => {
      on.failNext('down');
      await assert.rejects(get('/app', 'A'), { code: 'PROVIDER_DOWN', retry: 'later' });
      assert.equal(await get('/app', 'A'), 'value of A');
    });

    test('says THROTTLED and for how long, when a limit is reached', async () => {
      on.failNext('limit');
      await assert.rejects(get('/app', 'A'), { code: 'THROTTLED', retry: 'later', retryAfterMs: 30_000 });
    });

    test('ends with its signal, and says DEADLINE', async () => {
      await get('/app', 'A');
      on.hang();
      const late = new AbortController();
      const calls = [
        on.source.get({ project: 'main', path: '/app', key: 'A' }, late.signal),
        on.source.list({ project: 'main', path: '/app' }, { recursive: false, values: true, signal: late.signal }),
        on.source.folders({ project: 'main', path: '/app' }, late.signal),
      ];
      const outcomes = Promise.all(calls.map((call) => assert.rejects(call, { code: 'DEADLINE' })));
      late.abort(new PsiError('DEADLINE', 'it took too long', { retry: 'later' }));
      await outcomes;
    });
  });
}
