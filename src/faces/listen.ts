// Binding a face to its Unix socket, and stopping it without dropping what was accepted.

import { lstat, mkdir, unlink } from 'node:fs/promises';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { connect, type ListenOptions } from 'node:net';
import { dirname } from 'node:path';
import { PsiError } from '../core/error.ts';
import type { Face } from '../service/running-service.ts';
import { hintLine, httpStatus } from './error-to-response.ts';
import { QuickConnections, type FirstAnswer } from './quick-connections.ts';

/** Lookups that arrive while PSI is busy wait in the kernel instead of being refused. The kernel caps it at net.core.somaxconn. */
const BACKLOG = 4096;

/** Serves `app`, and before it `quick`, on an inherited descriptor or on a path of its own (mode 0600). A live socket of another process is never taken over. */
export async function listen(
  app: RequestListener,
  where: { readonly fd: number } | { readonly path: string },
  quick?: FirstAnswer,
): Promise<Face> {
  const server = createServer(app);
  const unanswered = responsesUnderWay(server);
  const connections = quick && new QuickConnections(quick);
  connections?.standBefore(server);
  // curl sends one request per connection; an idle one must not delay a stop.
  server.keepAliveTimeout = 1_000;
  if ('fd' in where) await bind(server, { fd: where.fd });
  else await bindPath(server, where.path);
  const endAll = (): void => {
    server.closeAllConnections();
    connections?.endAll();
  };
  return { stop: (graceMs) => stop(server, { unanswered, endAll }, graceMs) };
}

/** Serves `app` on a path, unless another process does: then that one goes on. Nothing but a socket is taken away for it. */
export async function listenUnlessServed(
  app: RequestListener,
  path: string,
): Promise<{ readonly stop: () => Promise<void> }> {
  if (await isLive(path)) return { stop: () => Promise.resolve() };
  const there = await lstat(path).catch(() => undefined);
  if (there && !there.isSocket()) {
    throw new PsiError('CONFLICT', `${path} is there and no socket`, { hint: `look at it with \`ls -l ${path}\`` });
  }
  const face = await listen(app, { path });
  return { stop: () => face.stop(0) };
}

/** Serves `app` on the first of these paths that can be served: one that cannot, of a slip in the config, is told and ends no start. */
export async function listenOnFirst(
  app: RequestListener,
  [path, ...others]: readonly [string, ...string[]],
  onFailed: (error: PsiError) => void,
): Promise<Face> {
  try {
    return await listen(app, { path });
  } catch (thrown) {
    const [other, ...more] = others.filter((one) => one !== path);
    // Where another process serves it, that is the psi of this host.
    if (other === undefined || !(thrown instanceof PsiError) || thrown.code !== 'HOST') throw thrown;
    onFailed(thrown);
    return await listenOnFirst(app, [other, ...more], onFailed);
  }
}

async function bindPath(server: Server, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true }).catch((cause: unknown) => {
    throw cannotListen(path, cause);
  });
  if (await isLive(path)) {
    throw new PsiError('CONFLICT', `another process serves ${path}`, {
      hint: 'see `systemctl status psi.service psi.socket`; psi started by psi.socket gets the socket from systemd',
    });
  }
  await unlink(path).catch(() => undefined);
  const before = process.umask(0o177);
  try {
    await bind(server, { path, backlog: BACKLOG });
  } finally {
    process.umask(before);
  }
}

function bind(server: Server, options: ListenOptions & { fd?: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      reject(cannotListen(options.path ?? `descriptor ${String(options.fd)}`, error));
    };
    server.once('error', failed);
    server.listen(options, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

function cannotListen(where: string, cause: unknown): PsiError {
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unexpected error';
  return new PsiError('HOST', `cannot listen on ${where}: ${reason}`, {
    hint: 'the folder must exist and be writable for psi',
    cause,
  });
}

function isLive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

function responsesUnderWay(server: Server): ReadonlySet<ServerResponse> {
  const responses = new Set<ServerResponse>();
  server.on('request', (_request, response) => {
    responses.add(response);
    response.once('close', () => responses.delete(response));
  });
  return responses;
}

/** What is left then takes its answer and no more. */
const LAST_WORDS_MS = 100;

type Open = { readonly unanswered: ReadonlySet<ServerResponse>; readonly endAll: () => void };

function stop(server: Server, { unanswered, endAll }: Open, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    let cut = setTimeout(() => {
      refuse(unanswered);
      cut = setTimeout(endAll, LAST_WORDS_MS);
    }, graceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}

const STOPPING = new PsiError('SERVICE_DOWN', 'psi was stopped before it had an answer', {
  hint: 'it is back when `systemctl status psi.service` says active; then start this again',
});

/** Without a word the caller would only see that its connection ended. The type is what PSI's own driver command prints. */
function refuse(unanswered: ReadonlySet<ServerResponse>): void {
  const line = hintLine(STOPPING);
  for (const response of unanswered) {
    if (response.headersSent) continue;
    const headers = {
      connection: 'close',
      'psi-code': STOPPING.code,
      'psi-hint': line,
      'content-type': `psi: ${line}`,
    };
    response.writeHead(httpStatus(STOPPING.code), headers).end();
  }
}
