// The thin client of the running service: HTTP over the control socket, NDJSON events as they come.

import { request, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { ERROR_CODES, PsiError } from '../../core/error.ts';

/** The events and the report of a setup of 100,000 secrets. */
const LONGEST_ANSWER = 64 * 1024 * 1024;

export class ControlClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
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
      if (length > LONGEST_ANSWER) throw tooLong(this.#socketPath);
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
      if (length > LONGEST_ANSWER) response.destroy(tooLong(this.#socketPath));
    });
    try {
      for await (const line of lines) yield JSON.parse(line) as unknown;
    } catch (cause) {
      throw cause instanceof PsiError ? cause : stoppedMeanwhile(cause);
    }
    if (!response.complete) throw stoppedMeanwhile(undefined);
  }

  #send(method: string, path: string, body: string | undefined): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' };
      const outgoing = request({ socketPath: this.#socketPath, method, path, headers }, resolve);
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNRESET') {
          reject(stoppedMeanwhile(error));
          return;
        }
        reject(
          new PsiError(
            'SERVICE_DOWN',
            `psi is not running: no answer on ${this.#socketPath} (${error.code ?? error.message})`,
            {
              hint: 'start it with `systemctl start psi.service`, then run this in it: `podman exec psi psi ...`',
              cause: error,
            },
          ),
        );
      });
      outgoing.end(body);
    });
  }
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

function tooLong(socketPath: string): PsiError {
  return new PsiError('INTERNAL', `what answers on ${socketPath} says more than psi ever does`, {
    hint: 'is `control_socket` in the config the socket of psi.service? see `journalctl -u psi`',
  });
}

function stoppedMeanwhile(cause: unknown): PsiError {
  return new PsiError('SERVICE_DOWN', 'psi stopped while it was working on this', {
    hint: 'see `journalctl -u psi`, then run the command again: it goes on where it was',
    cause,
  });
}
