// One request to Podman's REST API over its Unix socket. The only import of docker-modem: its callbacks, its glued error texts and
// its reading of DOCKER_* stay in this file. What a status means is not decided here.

import type Modem from 'docker-modem';
import { IncomingMessage, type IncomingHttpHeaders } from 'node:http';
import { addAbortSignal } from 'node:stream';
import { PsiError } from '../../core/error.ts';
import { connectionFailure } from './errors.ts';

export type ApiRequest = {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Without query; its variable parts are already encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
};

export type ApiAnswer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

/** Resolves with any complete answer, whatever its status; everything else is a PsiError HOST. */
export type PodmanApi = (request: ApiRequest) => Promise<ApiAnswer>;

export type ModemOptions = {
  readonly socketPath: string;
  /** For a whole call, from connecting to the last byte. */
  readonly timeoutMs: number;
};

/** docker-modem turns any status outside this list into an error whose text it makes up. */
const EVERY_STATUS = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [100 + index, true]));

/** A list of 50,000 secrets has half of it. */
const LONGEST_ANSWER = 64 * 1024 * 1024;

export function createPodmanApi(options: ModemOptions): PodmanApi {
  let modem: Promise<Modem> | undefined;
  return async (request) => {
    const signal = AbortSignal.timeout(options.timeoutMs);
    try {
      const response = await dial(await (modem ??= modemFor(options.socketPath)), request, signal);
      const body = await whole(addAbortSignal(signal, response));
      return { status: response.statusCode ?? 0, headers: response.headers, body };
    } catch (thrown) {
      if (thrown instanceof PsiError) throw thrown;
      throw connectionFailure(thrown, { ...options, timedOut: signal.aborted });
    }
  };
}

async function whole(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LONGEST_ANSWER) {
      throw new PsiError('HOST', "podman's answer is larger than 64 MB", {
        hint: 'is `podman_socket` in the config the socket of podman itself? `podman secret ls` shows what it holds',
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function dial(modem: Modem, request: ApiRequest, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options: Modem.DialOptions = {
      method: request.method,
      // A path that ends in `?` is what makes docker-modem append the query.
      path: request.query ? `${request.path}?` : request.path,
      headers: {
        // podman.service ends 5 s after its last connection: a kept one would hold it up, or break under the next request. An agent
        // of our own would say the same, but docker-modem prints all that an agent holds into a debug line nobody reads: 25 ms a call, with twenty at once.
        Connection: 'close',
        // With curl's default type for bodies Podman swallows the body.
        ...(request.body && { 'Content-Type': 'application/octet-stream' }),
      },
      ...(request.query && { options: { _query: request.query } }),
      ...(request.body && { file: Buffer.from(request.body) }),
      isStream: true,
      statusCodes: EVERY_STATUS,
      abortSignal: signal,
    };
    modem.dial(options, (error, result) => {
      if (result instanceof IncomingMessage) resolve(result);
      else reject(error ?? new Error('docker-modem gave no response'));
    });
  });
}

async function modemFor(socketPath: string): Promise<Modem> {
  // Loaded at the first call: with its ssh client it costs 75 ms, and a start that only serves lookups needs none of it.
  const { default: DockerModem } = await import('docker-modem');
  const modem = withoutDockerVariables(
    () =>
      new DockerModem({
        socketPath,
        protocol: 'http',
      }),
  );
  // docker-modem follows redirects by TCP, outside of any error handling, so that one unexpected 301 would end the process.
  const build = modem['buildRequest'].bind(modem);
  modem['buildRequest'] = (request, ...rest) => {
    build(Object.assign(request, { maxRedirects: 0 }), ...rest);
  };
  return modem;
}

/**
 * The constructor reads DOCKER_HOST, which wins over `socketPath`, and with it certificate files and a time limit. It is synchronous, so
 * the variables can be taken away around it without anybody else seeing the gap.
 */
function withoutDockerVariables<T>(make: () => T): T {
  const names = Object.keys(process.env).filter((name) => name.startsWith('DOCKER_'));
  const saved = names.map((name) => [name, process.env[name]] as const);
  for (const name of names) Reflect.deleteProperty(process.env, name);
  try {
    return make();
  } finally {
    for (const [name, value] of saved) process.env[name] = value;
  }
}
