// Something between PSI and the server, as a gateway is: it hands everything on, unless the test answers itself or changes an answer.
// For what no Infisical does by itself, so that the double need not.

import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { AtEnd } from '../../hosts/at-end.ts';

export type Asked = { readonly method: string; readonly path: string; readonly query: URLSearchParams };
export type Told = {
  readonly status: number;
  /** A stream is sent as it comes, and ended with its connection. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

export type Front = {
  readonly url: string;
  /** Answers in place of the server, or never (`NO_ANSWER`); undefined: the server is asked. */
  answer: (asked: Asked) => Told | Promise<never> | undefined;
  /** Changes what the server said. */
  change: (asked: Asked, told: Told) => Told;
};

/** The request is taken, and that is all. */
export const NO_ANSWER: Promise<never> = new Promise(() => undefined);

export async function startFront(t: AtEnd, upstream: string): Promise<Front> {
  const server = createServer((request, response) => {
    told(request).then(
      ({ status, body, headers }) => {
        response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
        if (body instanceof Readable) void pipeline(body, response).catch(() => undefined);
        else response.end(typeof body === 'string' ? body : JSON.stringify(body));
      },
      // The server went away in the middle, as it does at the end of a test.
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const front: Front = {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    answer: () => undefined,
    change: (_asked, said) => said,
  };
  const told = async (request: IncomingMessage): Promise<Told> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', front.url);
    const asked = { method: request.method ?? '', path: pathname, query: searchParams };
    const body = Buffer.concat(await request.toArray());
    return front.answer(asked) ?? front.change(asked, await handOn(upstream, request, body));
  };
  return front;
}

async function handOn(upstream: string, request: IncomingMessage, body: Buffer): Promise<Told> {
  const { method = 'GET', url = '/', headers } = request;
  const { authorization, 'content-type': type } = headers;
  const answer = await fetch(`${upstream}${url}`, {
    method,
    headers: {
      // A connection that is kept would outlive the server of the test.
      connection: 'close',
      ...(authorization !== undefined && { authorization }),
      ...(type !== undefined && { 'content-type': type }),
    },
    ...(body.length > 0 && { body }),
  });
  const text = await answer.text();
  const wait = answer.headers.get('retry-after');
  return { status: answer.status, body: parsed(text), headers: wait === null ? {} : { 'retry-after': wait } };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A list of secrets, in the words of either version of the API. */
export function isList({ method, path }: Asked): boolean {
  return method === 'GET' && /^\/api\/(?:v4\/secrets|v3\/secrets\/raw)$/.test(path);
}

/** One secret by its name. */
export function isGet({ method, path }: Asked): boolean {
  return method === 'GET' && /^\/api\/(?:v4\/secrets|v3\/secrets\/raw)\/[^/]+$/.test(path);
}

/** A list without this key. */
export function without(key: string): (told: Told) => Told {
  return (told) => {
    const { secrets, ...rest } = told.body as { readonly secrets?: readonly { readonly secretKey: string }[] };
    if (secrets === undefined) return told;
    return { ...told, body: { ...rest, secrets: secrets.filter(({ secretKey }) => secretKey !== key) } };
  };
}
