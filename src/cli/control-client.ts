// The thin client of the running service: HTTP over the control socket, NDJSON events as they come.

import { request, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { PsiError } from '../core/error.ts';

export class ControlClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async get(path: string): Promise<string> {
    const response = await this.#send('GET', path, undefined);
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    if (response.statusCode !== 200) {
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
    try {
      for await (const line of lines) yield JSON.parse(line) as unknown;
    } catch (cause) {
      throw stoppedMeanwhile(cause);
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

function stoppedMeanwhile(cause: unknown): PsiError {
  return new PsiError('SERVICE_DOWN', 'psi stopped while it was working on this', {
    hint: 'see `journalctl -u psi`, then run the command again: it goes on where it was',
    cause,
  });
}
