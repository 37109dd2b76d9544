// One question to a service that only this host can ask: about its own identity. It goes straight, whatever the environment says of
// proxies: a proxy would hand it to another machine's service, or show it the answer.

import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';

export type MetadataAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

export type MetadataQuestion = {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly timeoutMs: number;
};

/** Tokens have a few thousand bytes. */
const LONGEST_ANSWER = 1 << 20;

/** Follows no redirect. Fails with Node's own errors. */
export function askMetadata(url: string, question: MetadataQuestion): Promise<MetadataAnswer> {
  const { method = 'GET', headers, body, timeoutMs } = question;
  const send = new URL(url).protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    // An agent of its own: the common one may have been given a proxy by NODE_USE_ENV_PROXY.
    const options = { method, headers: { ...headers }, agent: false, signal: AbortSignal.timeout(timeoutMs) } as const;
    const asked = send(url, options, (response) => {
      textOf(response).then((text) => {
        resolve({ status: response.statusCode ?? 0, headers: singleHeaders(response), body: text });
      }, reject);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LONGEST_ANSWER) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function singleHeaders({ headers }: IncomingMessage): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}
