// The control face: what `podman exec psi psi …` asks. Long work streams one JSON event per line.

import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { exitCode, PsiError, toPsiError } from '../core/error.ts';
import type { SetupRequest } from '../usecases/setup.ts';
import { failureOf } from '../usecases/setup.ts';
import type { SetupEvent, SetupReport } from '../usecases/setup-events.ts';
import { sendError } from './error-to-response.ts';

export type ControlDeps = {
  readonly setup: (
    request: SetupRequest,
    emit: (event: SetupEvent) => void,
    signal: AbortSignal,
  ) => Promise<SetupReport>;
  readonly status: () => Promise<unknown>;
  readonly metrics: { readonly text: () => Promise<string>; readonly contentType: string };
  readonly onError: (error: PsiError, route: string) => void;
};

export function controlApp(deps: ControlDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.post('/setup', express.json({ limit: '16kb' }), async (request, response) => {
    const wanted = setupRequest(request.body);
    const gone = new AbortController();
    response.on('close', () => {
      gone.abort(new PsiError('INTERNAL', 'the command went away'));
    });
    response.type('application/x-ndjson');
    // So that the command knows at once that it is being worked on.
    response.flushHeaders();
    const emit = (event: SetupEvent): void => {
      response.write(`${JSON.stringify(event)}\n`);
    };
    try {
      emit({ event: 'done', report: await deps.setup(wanted, emit, gone.signal) });
    } catch (thrown) {
      const error = toPsiError(thrown);
      deps.onError(error, 'POST setup');
      const issues = 'issues' in error ? { issues: error.issues } : {};
      emit({ event: 'error', failure: failureOf(error), exit: exitCode(error.code), ...issues });
    }
    response.end();
  });
  app.get('/status', async (_request, response) => {
    response.json(await deps.status());
  });
  app.get('/metrics', async (_request, response) => {
    response.type(deps.metrics.contentType).send(await deps.metrics.text());
  });
  app.use(() => {
    throw new PsiError('NOT_FOUND', 'no such route');
  });
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    deps.onError(sendError(response, error), `${request.method} ${request.path}`);
  });
  return app;
}

function setupRequest(body: unknown): SetupRequest {
  const fields = typeof body === 'object' && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
  const text = (name: string): string | undefined => {
    const value = fields[name];
    if (value === undefined || typeof value === 'string') return value;
    throw new PsiError('BAD_REQUEST', `${name} must be text`);
  };
  return { provider: text('provider'), workload: text('workload'), dryRun: fields['dryRun'] === true };
}
