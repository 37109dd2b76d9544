// `${…}` in values, on every generation of the server: a reference that was refused never comes out as its text, and a text that only looks
// like one always does.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Generation } from '../../doubles/infisical/model.ts';
import { list, patient, PROD, read, shown, startStage, type Stage } from './stage.ts';

const APP = { project: 'main', path: '/app' } as const;
/** They refer to nothing, on any server. */
const TEXTS = {
  BARE: 'x-${NOWHERE}-y',
  DOTTED: '${a.b.C}',
  FOLDER: 'pre ${prod.nowhere.KEY} post',
  SHELL: '$HOME and ${HOME:-x}',
  DATE: '%d ${HOSTNAME}',
  LINES: 'one ${X}\ntwo',
} as const;

for (const generation of ['v4', '2025-v4', '2025', '2024'] as const satisfies readonly Generation[]) {
  describe(`references on a server of the generation ${generation}`, () => {
    let stage: Stage;
    const set = (path: string, key: string, value: string): void => {
      stage.double.state.setSecret({ ...PROD, path, key, value });
    };
    const lock = (path: string): void => {
      stage.double.state.deny('client-1', { path, actions: ['readValue'] });
    };
    const importFrom = (fromPath: string): void => {
      stage.double.state.addImport({ ...PROD, path: '/app', fromEnvironment: 'prod', fromPath });
    };
    const calls = (): number => stage.double.calls.filter(({ kind }) => kind !== 'login').length;

    beforeEach(async () => {
      stage = await startStage({ double: { generation } });
    });
    afterEach(() => stage.stop());

    test('to nothing stay text, byte for byte, singly and in a list', async () => {
      for (const [key, text] of Object.entries(TEXTS)) {
        set('/app', key, text);
        const fetched = await stage.source.get({ ...APP, key }, patient());
        assert.equal(fetched.value.exposeText(), text);
        assert.equal(fetched.literal, text === TEXTS.SHELL ? undefined : true);
      }
      assert.deepEqual(shown(await list(stage.source, APP), '/app'), TEXTS);
    });

    test('to nothing in a folder that is imported stay text too', async () => {
      importFrom('/shared');
      for (const [key, text] of Object.entries(TEXTS)) {
        set('/shared', key, text);
        assert.equal(await read(stage.source, key, APP), text);
      }
      assert.deepEqual(shown(await list(stage.source, APP), '/app'), TEXTS);
    });

    test('are asked about once: what was found to be a text is known the next time', async () => {
      set('/app', 'BARE', TEXTS.BARE);
      const [first] = await list(stage.source, APP);
      assert.deepEqual([first?.unsettled, first?.fetched], [true, undefined]);
      await read(stage.source, 'BARE', APP);
      const asked = calls();
      const [second] = await list(stage.source, APP);
      assert.equal(second?.fetched?.value.exposeText(), TEXTS.BARE);
      assert.equal(calls() - asked, 1);
      // Another version is another text until it is asked about.
      set('/app', 'BARE', 'z-${NOWHERE}');
      const [third] = await list(stage.source, APP);
      assert.deepEqual([third?.unsettled, third?.fetched], [true, undefined]);
    });

    test('are not asked about where a cache knows the text, of the same version', async () => {
      set('/app', 'BARE', TEXTS.BARE);
      const known = await stage.source.get({ ...APP, key: 'BARE' }, patient());
      const options = { recursive: false, values: true, signal: patient() };
      const [fresh] = await stage.restart().list(APP, { ...options, known: () => known });
      assert.equal(fresh?.fetched?.value.exposeText(), TEXTS.BARE);
      const [other] = await stage.restart().list(APP, { ...options, known: () => ({ ...known, version: 99 }) });
      assert.equal(other?.fetched, undefined);
    });

    test('to what may not be read are refused, and name it', async () => {
      set('/locked', 'K', 'v');
      set('/app', 'URL', 'pg://${prod.locked.K}');
      set('/app', 'PLAIN', 'p');
      lock('/locked');
      const listed = shown(await list(stage.source, APP), '/app');
      assert.deepEqual(listed, { PLAIN: 'p', URL: undefined });
      await assert.rejects(read(stage.source, 'URL', APP), {
        code: 'PROVIDER_DENIED',
        message: /^infisical refuses to read URL in main:\/app \(environment prod\): it refers to /,
      });
      if (generation === '2024') return;
      await assert.rejects(read(stage.source, 'URL', APP), {
        message: /it refers to K \(environment prod, path \/locked\), which the identity may not read/,
        hint: /read values \(Read Value\) of \/locked in environment prod/,
      });
    });

    if (generation !== '2024') {
      test('to what may not be read are refused in a folder that is imported too', async () => {
        importFrom('/shared');
        set('/locked', 'K', 'v');
        set('/shared', 'URL', 'pg://${prod.locked.K}');
        lock('/locked');
        assert.deepEqual(shown(await list(stage.source, APP), '/app'), { URL: undefined });
        await assert.rejects(read(stage.source, 'URL', APP), {
          code: 'PROVIDER_DENIED',
          message:
            /^infisical refuses to read URL in main:\/shared \(environment prod\): it refers to K \(environment prod, path \/locked\), which/,
        });
      });

      test('of an import of an import are looked into where they live', async () => {
        importFrom('/shared');
        stage.double.state.addImport({ ...PROD, path: '/shared', fromEnvironment: 'prod', fromPath: '/base' });
        set('/shared', 'OWN', 'o');
        set('/locked', 'K', 'v');
        set('/base', 'URL', 'pg://${prod.locked.K}');
        lock('/locked');
        await assert.rejects(read(stage.source, 'URL', APP), { code: 'PROVIDER_DENIED', message: /refers to K/ });
      });
    }
  });
}

test('an imported text is no value where the importing folder has what it names, and that may not be read', async () => {
  const stage = await startStage({ double: { generation: 'v4' } });
  try {
    stage.double.state.addImport({ ...PROD, path: '/app', fromEnvironment: 'prod', fromPath: '/shared' });
    stage.double.state.setSecret({ ...PROD, path: '/shared', key: 'URL', value: 'pg://${PASSWORD}' });
    stage.double.state.setSecret({ ...PROD, path: '/app', key: 'PASSWORD', value: 'v' });
    stage.double.state.deny('client-1', { path: '/app', key: 'PASSWORD', actions: ['readValue'] });
    await assert.rejects(read(stage.source, 'URL', APP), {
      code: 'PROVIDER_DENIED',
      message: /read URL in main:\/app .*: it refers to PASSWORD \(environment prod, path \/app\)/,
    });
  } finally {
    await stage.stop();
  }
});

test('a value that names a folder which is not there, beside a secret that is, is refused with what is missing', async () => {
  const stage = await startStage({ double: { generation: '2025' } });
  try {
    stage.double.state.setSecret({ ...PROD, path: '/app', key: 'HOST', value: 'db' });
    stage.double.state.setSecret({ ...PROD, path: '/app', key: 'URL', value: '${HOST}/${prod.gone.KEY}' });
    await assert.rejects(read(stage.source, 'URL', APP), {
      code: 'PROVIDER_DENIED',
      message:
        /fails on the value of URL in main:\/app .*: it refers to KEY \(environment prod, path \/gone\), which is not there/,
    });
  } finally {
    await stage.stop();
  }
});

test('a value with more references than anybody asks for is refused, where each would have to be asked for', async () => {
  const stage = await startStage({ double: { generation: 'v4' } });
  try {
    stage.double.state.addImport({ ...PROD, path: '/app', fromEnvironment: 'prod', fromPath: '/shared' });
    const value = Array.from({ length: 21 }, (_, at) => `\${X${String(at)}}`).join('');
    stage.double.state.setSecret({ ...PROD, path: '/shared', key: 'MANY', value });
    await assert.rejects(read(stage.source, 'MANY', APP), {
      code: 'PROVIDER_DENIED',
      message: /more than 20 references/,
    });
  } finally {
    await stage.stop();
  }
});
