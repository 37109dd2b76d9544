// Whether psi answers, asked of the driver's socket as lookups are: cheap enough for a check that runs all day beside the workloads. It loads
// no other part of the command line, and nothing of the config where the unit names the socket.

import { request } from 'node:http';
import { EXIT } from '../core/exit.ts';
import type { Terminal } from './terminal.ts';

/** What `health` says: `problem` is the first of what `psi status` names, and makes nobody unhealthy. */
export type Health =
  | { readonly healthy: true; readonly problem: string | undefined }
  | { readonly healthy: false; readonly reason: string };

/** A psi that is too busy for that answers no lookup in time either. */
export const LONGEST_MS = 5_000;
const LONGEST_ANSWER = 64 * 1024;

/** The socket, where these words and the unit's variables are all that has to be known; undefined: the command line is needed. */
export function quickCheck(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const socket = env['PSI_SOCKET'];
  return argv.length === 1 && argv[0] === 'health' && socket?.startsWith('/') === true ? socket : undefined;
}

/** Never rejects, and ends within its bound, however the answer dribbles. */
export function askHealth(socketPath: string, longestMs = LONGEST_MS): Promise<Health> {
  return new Promise((resolve) => {
    const failed = (reason: string): void => {
      resolve({ healthy: false, reason });
      outgoing.destroy();
    };
    const timer = setTimeout(() => {
      failed(`no answer within ${String(longestMs / 1000)} s`);
    }, longestMs);
    const outgoing = request({ socketPath, path: '/healthz', agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > LONGEST_ANSWER) failed('the answer has no end');
      });
      response.on('error', () => {
        failed('the answer was cut short');
      });
      response.on('end', () => {
        resolve(judged(response.statusCode, text));
      });
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      failed(error.code ?? error.message);
    });
    outgoing.on('close', () => {
      clearTimeout(timer);
    });
    outgoing.end();
  });
}

/** Prints what was found. Resolves to the exit status. */
export async function checkHealth(socketPath: string, terminal: Pick<Terminal, 'out' | 'fail'>): Promise<number> {
  const found = await askHealth(socketPath);
  if (found.healthy) {
    terminal.out('healthy');
    if (found.problem !== undefined) terminal.out(`problem: ${found.problem} (\`psi status\` says more)`);
    return EXIT.DONE;
  }
  terminal.fail({
    message: `psi does not answer on ${socketPath}: ${found.reason}`,
    hint: 'see `systemctl status psi.socket psi.service` and `journalctl -u psi.service` on the host',
  });
  return EXIT.UNAVAILABLE;
}

function judged(status: number | undefined, text: string): Health {
  const answer = parsed(text);
  if (status !== 200 || answer?.['status'] !== 'ok') {
    return { healthy: false, reason: `something else answers there (${String(status)})` };
  }
  const problem = answer['problems'];
  return { healthy: true, problem: typeof problem === 'string' ? problem : undefined };
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}
