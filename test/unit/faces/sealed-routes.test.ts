// The control face's part for sealed secrets: what it takes, what it refuses, and that nothing of a value stays behind.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import express, { type NextFunction, type Request, type Response } from 'express';

import { PsiError } from '../../../src/core/error.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { ControlClient } from '../../../src/faces/control/client.ts';
import { sealedRoutes, type SealedFace } from '../../../src/faces/control/sealed-routes.ts';
import { sendError } from '../../../src/faces/error-to-response.ts';
import { listen } from '../../../src/faces/listen.ts';

const undo: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const step of undo.reverse()) await step();
});

const unused = (): never => assert.fail('not asked for here');
const NO_FACE: SealedFace = {
  ...{ store: unused, list: unused, remove: unused, restore: unused, export: unused },
  ...{ status: unused, reseal: unused, recoverable: unused, recover: unused },
};

async function clientOf(face: Partial<SealedFace>): Promise<ControlClient> {
  const dir = await mkdtemp(join(tmpdir(), 'sealed-unit-'));
  undo.push(() => rm(dir, { recursive: true, force: true }));
  const app = express();
  app.use(sealedRoutes({ ...NO_FACE, ...face }));
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    sendError(response, error);
  });
  const path = join(dir, 's');
  const served = await listen(app, { path });
  undo.push(() => served.stop(0));
  return new ControlClient([path]);
}

test('a value of the largest size comes through byte for byte, and is wiped when it was stored', async () => {
  const bytes = Buffer.alloc(511_999, 0xfe);
  let given: Uint8Array = new Uint8Array();
  let same = false;
  const client = await clientOf({
    store: (name, value) => {
      given = value.expose();
      same = bytes.equals(given);
      return Promise.resolve({ name, bytes: value.byteLength, registered: 'there', problem: null, missed: [] });
    },
  });
  const answer = await client.post('/sealed/store', { name: 'db', value: bytes.toString('base64') });
  assert.deepEqual([same, (JSON.parse(answer) as { bytes: number }).bytes], [true, 511_999]);
  assert.ok(given.every((byte) => byte === 0));
});

test('what is no base64, no text or nothing is refused before anybody is asked', async () => {
  const client = await clientOf({});
  for (const [path, body] of [
    ['/sealed/store', { name: 'db', value: 'h%nter2' }],
    ['/sealed/store', { name: 'db', value: '' }],
    ['/sealed/store', { value: 'AQ==' }],
    ['/sealed/remove', { name: 1 }],
    ['/sealed/restore', { name: 'db', as: '' }],
    ['/sealed/recover', { keys: 'all' }],
    ['/sealed/recover', { keys: [{ name: 'db', fileId: 'f' }] }],
    ['/sealed/recover', { keys: [{ name: 'db', fileId: 'f', dataKey: 'BQ==', asideAt: 'x' }] }],
  ] as const) {
    await assert.rejects(client.post(path, body), { code: 'BAD_REQUEST' }, `${path} ${JSON.stringify(body)}`);
  }
});

test('a value is answered in base64, and a failure of it as what it is', async () => {
  const value = new SecretValue(Uint8Array.of(0, 255));
  const client = await clientOf({
    export: (name) =>
      name === 'db'
        ? Promise.resolve({ name, value })
        : Promise.reject(new PsiError('NOT_FOUND', 'there is none', { hint: 'list them' })),
  });
  assert.deepEqual(JSON.parse(await client.post('/sealed/export', { name: 'db' })), { name: 'db', value: 'AP8=' });
  await assert.rejects(client.post('/sealed/export', { name: 'x' }), { code: 'NOT_FOUND', hint: 'list them' });
});

test('keys of files come in, are used, and are wiped', async () => {
  let given: readonly Uint8Array[] = [];
  const seen: string[] = [];
  const client = await clientOf({
    recoverable: () =>
      Promise.resolve({
        files: [
          {
            ...{ name: 'db', asideAt: null, fileId: 'f1' },
            stanzas: [{ kind: 'recovery', parameters: 'age1a', wrappedKey: Uint8Array.of(7) }],
          },
        ],
        others: 2,
      }),
    recover: (keys) => {
      given = keys.map(({ dataKey }) => dataKey.expose());
      seen.push(
        ...keys.map(
          ({ name, asideAt, fileId, dataKey }) => `${name} ${String(asideAt)} ${fileId} ${String(dataKey.expose()[0])}`,
        ),
      );
      return Promise.resolve({ sealed: [], aside: 0, failures: [], exit: 0 });
    },
  });
  assert.deepEqual(JSON.parse(await client.get('/sealed/recovery')), {
    files: [{ name: 'db', asideAt: null, fileId: 'f1', keys: [{ recipient: 'age1a', wrappedKey: 'Bw==' }] }],
    others: 2,
  });
  const key = { name: 'db', fileId: 'f1', dataKey: 'BQ==' };
  await client.post('/sealed/recover', { keys: [key, { ...key, asideAt: 12 }] });
  assert.deepEqual(
    [seen, given.map((bytes) => [...bytes])],
    [
      ['db null f1 5', 'db 12 f1 5'],
      [[0], [0]],
    ],
  );
});
