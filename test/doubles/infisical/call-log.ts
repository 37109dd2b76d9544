// Records every provider call, so that tests can count logins, lists and gets. Keeps method, decoded path and status:
// never a query, header or body, so no token, client secret or value can sit in it.
import type { RequestHandler } from 'express';
import type { Clock } from './model.ts';

export type CallKind =
  | 'login'
  | 'renew'
  | 'revoke'
  | 'status'
  | 'list'
  | 'get'
  | 'write'
  | 'folders'
  | 'project'
  | 'certificates'
  | 'unknown';

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly route: string;
  readonly kind: CallKind;
  /** 0 until the answer is out; stays 0 when the call was hung or reset. */
  status: number;
  readonly at: number;
}

const ROUTES: readonly (readonly [CallKind, string, string])[] = [
  ['login', 'POST', '/api/v1/auth/:method/login'],
  ['renew', 'POST', '/api/v1/auth/token/renew'],
  ['revoke', 'POST', '/api/v1/auth/token/revoke'],
  ['status', 'GET', '/api/status'],
  ['list', 'GET', '/api/v4/secrets'],
  ['list', 'GET', '/api/v3/secrets/raw'],
  ['get', 'GET', '/api/v4/secrets/id/:secretId'],
  ['get', 'GET', '/api/v4/secrets/:secretName'],
  ['get', 'GET', '/api/v3/secrets/raw/:secretName'],
  ['write', '*', '/api/v4/secrets/batch'],
  ['write', '*', '/api/v4/secrets/:secretName'],
  ['write', '*', '/api/v3/secrets/batch/raw'],
  ['write', '*', '/api/v3/secrets/raw/:secretName'],
  ['folders', '*', '/api/v2/folders'],
  ['folders', '*', '/api/v1/folders'],
  ['project', 'GET', '/api/v1/projects/slug/:slug'],
  ['project', 'GET', '/api/v1/workspace'],
  ['certificates', '*', '/api/v1/cert-manager/certificates'],
  ['certificates', '*', '/api/v1/cert-manager/certificates/certificate-requests/:id'],
  ['certificates', '*', '/api/v1/cert-manager/certificates/:id'],
  ['certificates', '*', '/api/v1/cert-manager/certificates/:id/:what'],
  ['project', 'GET', '/api/v1/workspace/:workspaceId'],
];

export class CallLog {
  readonly #calls: Call[] = [];
  readonly #now: Clock;

  constructor(now: Clock) {
    this.#now = now;
  }

  get calls(): readonly Readonly<Call>[] {
    return this.#calls;
  }

  count(kind?: CallKind): number {
    return kind === undefined ? this.#calls.length : this.#calls.filter((call) => call.kind === kind).length;
  }

  counts(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { kind } of this.#calls) counts[kind] = (counts[kind] ?? 0) + 1;
    return counts;
  }

  clear(): void {
    this.#calls.splice(0);
  }

  record(): RequestHandler {
    return (req, res, next) => {
      const { kind, route } = classify(req.method, req.path);
      const call: Call = { method: req.method, path: decode(req.path), route, kind, status: 0, at: this.#now() };
      this.#calls.push(call);
      res.once('finish', () => {
        call.status = res.statusCode;
      });
      next();
    };
  }
}

export function classify(method: string, path: string): { readonly kind: CallKind; readonly route: string } {
  const segments = path.split('/').filter((segment) => segment !== '');
  for (const [kind, verb, route] of ROUTES) {
    if ((verb === '*' || verb === method) && matches(route, segments)) return { kind, route };
  }
  return { kind: 'unknown', route: '' };
}

function matches(route: string, segments: readonly string[]): boolean {
  const wanted = route.slice(1).split('/');
  return wanted.length === segments.length && wanted.every((part, i) => part.startsWith(':') || part === segments[i]);
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
