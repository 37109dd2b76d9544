// The control face: what `podman exec psi psi …` asks. Long work streams one JSON event per line.

import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { PsiError } from '../../core/error.ts';
import type { PruneRequest } from '../../registration/prune.ts';
import type { PruneReport } from '../../registration/prune-report.ts';
import type { SetupRequest } from '../../registration/setup-run.ts';
import type { SetupEvent, SetupReport } from '../../registration/setup-events.ts';
import { endedUntold } from '../../registration/setup-runs.ts';
import { cacheRoutes, runOf, type CacheFace } from './cache-routes.ts';
import { fieldOf } from './fields.ts';
import { sealedRoutes, type SealedFace } from './sealed-routes.ts';
import { sendError } from '../error-to-response.ts';
import { LongWorks, type OnError } from './stream.ts';
import { sendJson } from '../json.ts';

export type ControlDeps = {
  readonly setup: (
    request: SetupRequest,
    emit: (event: SetupEvent) => void,
    signal: AbortSignal,
  ) => Promise<SetupReport>;
  readonly prune: (
    request: PruneRequest,
    emit: (event: SetupEvent) => void,
    signal: AbortSignal,
  ) => Promise<PruneReport>;
  readonly status: () => Promise<unknown>;
  readonly metrics: { readonly text: () => Promise<string>; readonly contentType: string };
  readonly cache: CacheFace;
  readonly sealed: SealedFace;
  readonly onError: OnError;
};

export function controlApp(deps: ControlDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  const works = new LongWorks(deps.onError);
  app.post('/setup', express.json({ limit: '16kb' }), async (request, response) => {
    const wanted = setupRequest(request.body);
    await works.stream(response, {
      route: 'POST setup',
      run: runOf(request.body),
      outlivesCommand: wanted.boot === true,
      work: async (emit, signal) => ({ event: 'done', report: await deps.setup(wanted, emit, signal) }),
      untold: ({ report }) => endedUntold(report),
    });
  });
  app.post('/prune', express.json({ limit: '16kb' }), async (request, response) => {
    const wanted = { workload: textOf(request.body, 'workload'), apply: fieldOf(request.body, 'apply') === true };
    await works.stream(response, {
      route: 'POST prune',
      run: runOf(request.body),
      work: async (emit, signal) => ({ event: 'pruned', report: await deps.prune(wanted, emit, signal) }),
    });
  });
  app.post('/end', express.json({ limit: '16kb' }), (request, response) => {
    const why = textOf(request.body, 'why') ?? '';
    if (!/^[A-Z0-9]{1,16}$/.test(why)) throw new PsiError('BAD_REQUEST', 'why must be the name of a signal');
    sendJson(response, { ended: works.end(runOf(request.body), why) });
  });
  app.get('/status', async (_request, response) => {
    sendJson(response, await deps.status());
  });
  app.get('/metrics', async (_request, response) => {
    response.type(deps.metrics.contentType).send(await deps.metrics.text());
  });
  app.use(cacheRoutes(deps.cache, works));
  app.use(sealedRoutes(deps.sealed));
  app.use(() => {
    throw new PsiError('NOT_FOUND', 'no such route');
  });
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    deps.onError(sendError(response, error), `${request.method} ${request.path}`);
  });
  return app;
}

function setupRequest(body: unknown): SetupRequest {
  const dryRun = fieldOf(body, 'dryRun') === true;
  const boot = fieldOf(body, 'boot') === true && !dryRun;
  const named = { provider: textOf(body, 'provider'), workload: textOf(body, 'workload'), dryRun };
  return boot ? { ...named, boot } : named;
}

function textOf(body: unknown, name: string): string | undefined {
  const value = fieldOf(body, name);
  if (value === undefined || typeof value === 'string') return value;
  throw new PsiError('BAD_REQUEST', `${name} must be text`);
}
