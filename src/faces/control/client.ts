// The thin client of the running service: HTTP over the control socket, NDJSON events as they come.

import { request, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { ERROR_CODES, PsiError } from '../../core/error.ts';

/** The events and the report of a setup of 100,000 secrets. */
const LONGEST_ANSWER = 64 * 1024 * 1024;

export class ControlClient {
  readonly #socketPaths: readonly string[];
  readonly #whenDown: PsiError | undefined;

  /** The first socket that is served is the one. `whenDown`: what to say where none is, if there is something better. */
  constructor(socketPaths: readonly string[], whenDown?: PsiError) {
    this.#socketPaths = [...new Set(socketPaths)];
    this.#whenDown = whenDown;
  }

  get(path: string): Promise<string> {
    return this.#text('GET', path, undefined);
  }

  /** Posts JSON and answers the text of the reply. A refusal of the service is thrown as it gave it. */
  post(path: string, body: unknown): Promise<string> {
    return this.#text('POST', path, JSON.stringify(body));
  }

  async #text(method: string, path: string, body: string | undefined): Promise<string> {
    const response = await this.#send(method, path, body);
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > LONGEST_ANSWER) throw tooLong(this.#socketPaths);
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    if (response.statusCode !== 200) {
      const refusal = refusalOf(text);
      if (refusal) throw refusal;
      throw new PsiError('INTERNAL', `the service answered ${String(response.statusCode)} to ${path}`, {
        hint: 'see `journalctl -u psi`',
      });
    }
    return text;
  }

  /** Posts JSON and yields each line of the answer, parsed. Ends early with SERVICE_DOWN if the service stops meanwhile. */
  async *stream(path: string, body: unknown): AsyncGenerator {
    const response = await this.#send('POST', path, JSON.stringify(body));
    const lines = createInterface({ input: response, crlfDelay: Infinity });
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > LONGEST_ANSWER) response.destroy(tooLong(this.#socketPaths));
    });
    try {
      for await (const line of lines) yield JSON.parse(line) as unknown;
    } catch (cause) {
      throw cause instanceof PsiError ? cause : stoppedMeanwhile(cause);
    }
    if (!response.complete) throw stoppedMeanwhile(undefined);
  }

  async #send(method: string, path: string, body: string | undefined): Promise<IncomingMessage> {
    let down: PsiError | undefined;
    for (const socketPath of this.#socketPaths) {
      try {
        return await sendTo(socketPath, method, path, body);
      } catch (thrown) {
        if (!(thrown instanceof NotServed)) throw thrown;
        down ??= notRunning(socketPath, thrown.errno);
      }
    }
    throw this.#whenDown ?? down ?? notRunning('no socket', 'none is named');
  }
}

/** Nobody has got the request. */
class NotServed extends Error {
  readonly errno: string;

  constructor(errno: string) {
    super(errno);
    this.errno = errno;
  }
}

function sendTo(socketPath: string, method: string, path: string, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const outgoing = request({ socketPath, method, path, headers }, resolve);
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ECONNRESET' ? stoppedMeanwhile(error) : new NotServed(error.code ?? error.message));
    });
    outgoing.end(body);
  });
}

function notRunning(socketPath: string, reason: string): PsiError {
  return new PsiError('SERVICE_DOWN', `psi is not running: no answer on ${socketPath} (${reason})`, {
    hint: 'start it with `systemctl start psi.service`, then run this in it: `podman exec psi psi ...`',
  });
}

/** `{code, message, hint}`, as both faces answer a failure. */
function refusalOf(text: string): PsiError | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof body !== 'object' || body === null) return undefined;
  const { code, message, hint } = body as Readonly<Record<string, unknown>>;
  const known = ERROR_CODES.find((one) => one === code);
  if (known === undefined || typeof message !== 'string') return undefined;
  return new PsiError(known, message, typeof hint === 'string' ? { hint } : {});
}

function tooLong(socketPaths: readonly string[]): PsiError {
  return new PsiError('INTERNAL', `what answers on ${socketPaths.join(' or ')} says more than psi ever does`, {
    hint: 'is `control_socket` in the config the socket of psi.service? see `journalctl -u psi`',
  });
}

function stoppedMeanwhile(cause: unknown): PsiError {
  return new PsiError('SERVICE_DOWN', 'psi stopped while it was working on this', {
    hint: 'see `journalctl -u psi`, then run the command again: it goes on where it was',
    cause,
  });
}
