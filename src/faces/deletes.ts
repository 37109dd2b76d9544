// What answers Podman while PSI is being uninstalled: its deletes, and nothing else. A lookup or a store that succeeded here would be lost.

import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { PsiError } from '../core/error.ts';
import type { SecretId } from '../core/naming.ts';
import { secretId } from '../core/naming.ts';
import { sendError } from './error-to-response.ts';
import { listenUnlessServed } from './listen.ts';

/** Answers on each of these paths until it is stopped. */
export async function answerDeletes(
  expected: ReadonlySet<string>,
  sockets: ReadonlySet<string>,
  forget: (id: SecretId) => Promise<void>,
): Promise<{ readonly stop: () => Promise<void> }> {
  const app = deletesApp(expected, forget);
  const faces: { readonly stop: () => Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    for (const face of faces) await face.stop();
  };
  try {
    for (const path of sockets) faces.push(await listenUnlessServed(app, path));
    return { stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/** `expected`: the ids of the secrets that are being removed; no other is let go. */
export function deletesApp(expected: ReadonlySet<string>, forget: (id: SecretId) => Promise<void>): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.delete('/delete/:id', async (request, response) => {
    const id = secretId(request.params.id);
    if (!expected.has(id)) throw uninstalling();
    await forget(id);
    response.end();
  });
  app.use(() => {
    throw uninstalling();
  });
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    sendError(response, error);
  });
  return app;
}

function uninstalling(): PsiError {
  return new PsiError('SERVICE_DOWN', 'psi is being uninstalled from this host', {
    hint: 'to have it back: `psi install`, `psi systemd install --enable`, then `podman exec psi psi setup`',
  });
}
