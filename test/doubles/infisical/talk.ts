// A plain HTTP conversation with a server that speaks Infisical, for tests of the double itself.
// Deliberately not the product's client: no retry, no re-login, every answer handed back as it came.
import { isRecord } from './fields.ts';

export interface Answer {
  readonly status: number;
  readonly contentType: string | null;
  readonly headers: Headers;
  /** Parsed JSON, or the text where it is none. */
  readonly body: unknown;
}

export interface Talk {
  readonly token: string;
  /** Sends the session's token unless another one, or 'none', is named. */
  readonly get: (path: string, token?: string) => Promise<Answer>;
  readonly send: (method: string, path: string, body: object) => Promise<Answer>;
}

export async function startTalk(
  url: string,
  credentials: { readonly clientId: string; readonly clientSecret: string },
): Promise<Talk> {
  const login = await ask(url, 'POST', '/api/v1/auth/universal-auth/login', undefined, credentials);
  const token = at(login.body, 'accessToken');
  if (typeof token !== 'string') {
    throw new Error(`login answered ${String(login.status)}: ${String(at(login.body, 'message'))}`);
  }
  return {
    token,
    get: (path, other = token) => ask(url, 'GET', path, other === 'none' ? undefined : other),
    send: (method, path, body) => ask(url, method, path, token, body),
  };
}

export async function ask(url: string, method: string, path: string, token?: string, body?: object): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      // One connection per call: a reused one would die with the double and fail the next test.
      connection: 'close',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const { status, headers } = response;
  return { status, headers, contentType: headers.get('content-type'), body: parse(text) };
}

/** Walks into an answer; undefined wherever it ends early. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((current, step) => {
    if (Array.isArray(current)) return typeof step === 'number' ? (current[step] as unknown) : undefined;
    return isRecord(current) ? current[step] : undefined;
  }, value);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
