// Names tell what exists, values what may be read: what a list of values leaves out without a word, and what it says of other folders.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { ListedSecret } from '../../../src/provider/secret-source.ts';
import { list, patient, PROD, read, shown, startStage, type Stage } from './stage.ts';

const APP = { project: 'main', path: '/app' } as const;

for (const generation of ['v4', '2025-v4', '2025'] as const) {
  describe(`on a server of the generation ${generation}`, () => {
    let stage: Stage;
    const set = (path: string, key: string): void => {
      stage.double.state.setSecret({ ...PROD, path, key, value: `value of ${key}` });
    };
    const lock = (path: string): void => {
      stage.double.state.deny('client-1', { path, actions: ['readValue'] });
    };
    const named = (recursive: boolean): Promise<readonly ListedSecret[]> =>
      stage.source.list(APP, { recursive, values: true, everyName: true, signal: patient() });
    const calls = (): number => stage.double.calls.filter(({ kind }) => kind !== 'login').length;

    beforeEach(async () => {
      stage = await startStage({ double: { generation } });
      set('/app', 'OWN');
    });
    afterEach(() => stage.stop());

    test('a plain folder, which is listed whole or refused whole, costs one list', async () => {
      await list(stage.source, APP);
      const before = calls();
      assert.deepEqual(shown(await named(false), '/app'), { OWN: 'value of OWN' });
      assert.equal(calls() - before, 1);
    });

    test('what may not be read of a sub-folder is left out, or named without a value', async () => {
      set('/app/below', 'LOCKED');
      lock('/app/below');
      assert.deepEqual(shown(await list(stage.source, APP, { recursive: true }), '/app'), { OWN: 'value of OWN' });
      assert.deepEqual(shown(await named(true), '/app'), { OWN: 'value of OWN', '/app/below LOCKED': undefined });
      await assert.rejects(read(stage.source, 'LOCKED', { ...APP, path: '/app/below' }), { code: 'VALUE_HIDDEN' });
    });

    test('what may not be read of an imported folder is left out, or named without a value; singly it is hidden', async () => {
      set('/shared', 'LOCKED');
      stage.double.state.addImport({ ...PROD, path: '/app', fromEnvironment: 'prod', fromPath: '/shared' });
      lock('/shared');
      assert.deepEqual(shown(await list(stage.source, APP), '/app'), { OWN: 'value of OWN' });
      assert.deepEqual(shown(await named(false), '/app'), { LOCKED: undefined, OWN: 'value of OWN' });
      await assert.rejects(read(stage.source, 'LOCKED', APP), {
        code: 'VALUE_HIDDEN',
        message: /hides the value of LOCKED in main:\/app \(environment prod\)/,
      });
    });

    test('what a folder below imports is no secret of the listed folder, and is named', async () => {
      set('/app/below', 'DEEP');
      set('/shared', 'THERE');
      set('/common', 'HERE');
      stage.double.state.addImport({ ...PROD, path: '/app/below', fromEnvironment: 'prod', fromPath: '/shared' });
      stage.double.state.addImport({ ...PROD, path: '/app', fromEnvironment: 'prod', fromPath: '/common' });
      const listed = await named(true);
      const lookable = listed.filter(({ objection }) => objection === undefined);
      assert.deepEqual(shown(lookable, '/app'), {
        '/app/below DEEP': 'value of DEEP',
        HERE: 'value of HERE',
        OWN: 'value of OWN',
      });
      const [other, ...more] = listed.filter(({ objection }) => objection !== undefined);
      assert.deepEqual([other?.key, more.length], ['THERE', 0]);
      assert.match(other?.objection?.reason ?? '', /^a folder below \/app imports it/);
    });
  });
}

test('a list that speaks of folders outside of the one that was asked for is no answer', async () => {
  const stage = await startStage();
  try {
    for (const secretPath of [
      '/etc',
      '/application',
      '/app/../etc',
      '/app/\u001b[31mred',
      '/app/\u202egnp',
      '/app/a\nb',
    ]) {
      const body = { secrets: [{ secretKey: 'K', secretValue: 'v', secretPath }] };
      stage.double.knobs.failNext(1, { only: ['list'], status: 200, body });
      await assert.rejects(list(stage.source, APP, { recursive: true }), {
        code: 'PROVIDER_DOWN',
        message: 'infisical answered the listing of main:/app with secrets of other folders',
      });
    }
  } finally {
    await stage.stop();
  }
});
