// The control face's part for the cache and its backends. Thin: what to ask, and how a request is refused.

import { json, Router } from 'express';
import { PsiError } from '../../core/error.ts';
import type { Recoverable } from '../../cache/cache-file.ts';
import type { RecoveryKeys, ResealReport } from '../../cache/reseal.ts';
import { SecretValue } from '../../core/secret-value.ts';
import type { InitReport } from '../../cache/backends.ts';
import type { CacheReport } from '../../cache/control.ts';
import type { RefreshOptions, RefreshReport } from '../../cache/refresh.ts';
import type { KeyReport } from '../../sealing/key-report.ts';
import { BACKENDS, type Backend } from '../../sealing/key-wrapper.ts';
import type { SetupEvent } from '../../registration/setup-events.ts';
import type { LongWorks } from './stream.ts';
import { sendJson } from '../json.ts';
import { fieldOf, textOf } from './fields.ts';

/** Each may take as long as its device: an HSM answers in seconds. */
export type CacheFace = {
  /** Undefined: the cache is off. */
  readonly status: (options: { readonly verify: boolean }) => Promise<CacheReport | undefined>;
  readonly refresh: (
    options: RefreshOptions,
    emit: (event: SetupEvent) => void,
    signal: AbortSignal,
  ) => Promise<RefreshReport | undefined>;
  readonly invalidate: (name: string) => Promise<{ readonly named: number; readonly dropped: number }>;
  readonly reseal: () => Promise<ResealReport>;
  /** Undefined: there is no file. */
  readonly recoverable: () => Promise<Recoverable | undefined>;
  readonly recover: (fileId: string, dataKey: SecretValue) => Promise<ResealReport>;
  /** Tries a backend with the config as it is on disk, without using it yet. */
  readonly init: (backend: Backend) => Promise<InitReport>;
  readonly hsm: {
    readonly preflight: (options: { readonly login: boolean }) => Promise<KeyReport>;
    readonly init: () => Promise<KeyReport>;
    readonly status: () => Promise<KeyReport>;
  };
};

export function cacheRoutes(face: CacheFace, works: LongWorks): Router {
  const router = Router();
  const body = json({ limit: '16kb' });
  router.get('/cache', async (request, response) => {
    sendJson(response, (await face.status({ verify: request.query['verify'] === 'true' })) ?? null);
  });
  router.post('/cache/refresh', body, (request, response) =>
    works.stream(response, {
      route: 'POST cache/refresh',
      run: runOf(request.body),
      work: async (emit, signal) => ({
        event: 'refreshed',
        report: (await face.refresh({ replace: fieldOf(request.body, 'replace') === true }, emit, signal)) ?? null,
      }),
    }),
  );
  router.post('/cache/invalidate', body, async (request, response) => {
    sendJson(response, await face.invalidate(textOf(request.body, 'name')));
  });
  router.post('/cache/reseal', async (_request, response) => {
    sendJson(response, await face.reseal());
  });
  router.get('/cache/recovery', async (_request, response) => {
    const found = await face.recoverable();
    sendJson(response, found === undefined ? null : recoveryKeys(found));
  });
  router.post('/cache/recover', body, async (request, response) => {
    const bytes = Buffer.from(textOf(request.body, 'dataKey'), 'base64');
    try {
      sendJson(response, await face.recover(textOf(request.body, 'fileId'), new SecretValue(bytes)));
    } finally {
      bytes.fill(0);
    }
  });
  router.post('/cache/init', body, async (request, response) => {
    const wanted = textOf(request.body, 'backend');
    const backend = BACKENDS.find((one) => one === wanted);
    if (!backend) throw new PsiError('BAD_REQUEST', `backend must be one of ${BACKENDS.join(', ')}`);
    sendJson(response, await face.init(backend));
  });
  router.get('/hsm', async (_request, response) => {
    sendJson(response, await face.hsm.status());
  });
  router.post('/hsm/preflight', body, async (request, response) => {
    sendJson(response, await face.hsm.preflight({ login: fieldOf(request.body, 'login') === true }));
  });
  router.post('/hsm/init', async (_request, response) => {
    sendJson(response, await face.hsm.init());
  });
  return router;
}

function recoveryKeys({ fileId, stanzas }: Recoverable): RecoveryKeys {
  const keys = stanzas.map(({ parameters, wrappedKey }) => ({
    recipient: parameters,
    wrappedKey: Buffer.from(wrappedKey).toString('base64'),
  }));
  return { fileId, keys };
}

const LONGEST_RUN = 64;

/** Empty: the command gave none. */
export function runOf(body: unknown): string {
  const run = fieldOf(body, 'run') ?? '';
  if (typeof run !== 'string' || run.length > LONGEST_RUN) {
    throw new PsiError('BAD_REQUEST', `run must be text of at most ${String(LONGEST_RUN)} characters`);
  }
  return run;
}
