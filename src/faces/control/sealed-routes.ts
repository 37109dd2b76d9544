// The control face's part for sealed secrets. Thin: what to ask, and how a request is refused.

import { json, Router } from 'express';
import { decodeBase64 } from '../../core/base64.ts';
import { PsiError } from '../../core/error.ts';
import { SecretValue } from '../../core/secret-value.ts';
import type { RecoveredKey, SealedControl } from '../../sealed/control.ts';
import type { ExportReport, SealedRecoveryKeys } from '../../sealed/reports.ts';
import type { RecoverableFile } from '../../sealed/sealed-files.ts';
import { sendJson } from '../json.ts';
import { fieldOf, textOf } from './fields.ts';

export type SealedFace = Pick<
  SealedControl,
  'store' | 'list' | 'remove' | 'restore' | 'export' | 'status' | 'reseal' | 'recoverable' | 'recover'
>;

export function sealedRoutes(face: SealedFace): Router {
  const router = Router();
  const body = json({ limit: '16kb' });
  // The largest value in base64 has 682,668 characters.
  const value = json({ limit: '1mb' });
  // A key in base64 for each of thousands.
  const keys = json({ limit: '16mb' });
  router.get('/sealed', async (_request, response) => {
    sendJson(response, await face.list());
  });
  router.get('/sealed/status', async (request, response) => {
    sendJson(response, await face.status({ verify: request.query['verify'] === 'true' }));
  });
  router.post('/sealed/store', value, async (request, response) => {
    const given = bytesOf(request.body, 'value');
    try {
      sendJson(response, await face.store(textOf(request.body, 'name'), given));
    } finally {
      given.expose().fill(0);
    }
  });
  router.post('/sealed/remove', body, async (request, response) => {
    sendJson(response, await face.remove(textOf(request.body, 'name')));
  });
  router.post('/sealed/restore', body, async (request, response) => {
    const as = fieldOf(request.body, 'as') === undefined ? undefined : textOf(request.body, 'as');
    sendJson(response, await face.restore(textOf(request.body, 'name'), as));
  });
  router.post('/sealed/export', body, async (request, response) => {
    const found = await face.export(textOf(request.body, 'name'));
    const report: ExportReport = { name: found.name, value: Buffer.from(found.value.expose()).toString('base64') };
    sendJson(response, report);
  });
  router.post('/sealed/reseal', async (_request, response) => {
    sendJson(response, await face.reseal());
  });
  router.get('/sealed/recovery', async (_request, response) => {
    const { files, others } = await face.recoverable();
    const report: SealedRecoveryKeys = { files: files.map(recoveryKeys), others };
    sendJson(response, report);
  });
  router.post('/sealed/recover', keys, async (request, response) => {
    const all = keysOf(request.body);
    try {
      sendJson(response, await face.recover(all));
    } finally {
      for (const { dataKey } of all) dataKey.expose().fill(0);
    }
  });
  return router;
}

function recoveryKeys({ name, asideAt, fileId, stanzas }: RecoverableFile): SealedRecoveryKeys['files'][number] {
  const keys = stanzas.map(({ parameters, wrappedKey }) => ({
    recipient: parameters,
    wrappedKey: Buffer.from(wrappedKey).toString('base64'),
  }));
  return { name, asideAt, fileId, keys };
}

function keysOf(body: unknown): readonly RecoveredKey[] {
  const keys = fieldOf(body, 'keys');
  if (!Array.isArray(keys)) throw new PsiError('BAD_REQUEST', 'keys must be a list');
  return keys.map((one: unknown) => ({
    name: textOf(one, 'name'),
    asideAt: timeOf(one, 'asideAt'),
    fileId: textOf(one, 'fileId'),
    dataKey: bytesOf(one, 'dataKey'),
  }));
}

function timeOf(body: unknown, field: string): number | null {
  const value = fieldOf(body, field) ?? null;
  if (value === null || typeof value === 'number') return value;
  throw new PsiError('BAD_REQUEST', `${field} must be a number`);
}

/** Empty is no value, and no key. */
function bytesOf(body: unknown, field: string): SecretValue {
  const decoded = decodeBase64(SecretValue.fromText(textOf(body, field)));
  if (decoded) return decoded;
  throw new PsiError('BAD_REQUEST', `${field} must be base64`);
}
