// What a refusing answer means, for both generations of the server. The one of 2024 swaps 401 and 403 and calls an expired token a 500,
// so the name in `error` decides first and the status only after it.

import type { ServerAnswer } from './api.ts';
import { decodeRefusal, type ServerRefusal } from './codec.ts';

export type FaultKind =
  /** The token is no longer taken: a new login can help. */
  | 'token'
  | 'permission'
  | 'hidden'
  /** A value refers to a secret that this identity may not read; the whole answer is refused for it. */
  | 'reference'
  | 'missing'
  /** The server has no such route: another version, or no Infisical. */
  | 'route'
  | 'invalid'
  /** A value that is to be written refers to what is not there. */
  | 'bad-value'
  | 'throttled'
  | 'server'
  | 'redirect'
  /** Refused by something in front of the server. */
  | 'gateway'
  | 'other';

export type Fault = {
  readonly kind: FaultKind;
  readonly answer: ServerAnswer;
  readonly refusal: ServerRefusal | undefined;
};

/** undefined: the server did what it was asked for. */
export function faultOf(answer: ServerAnswer): Fault | undefined {
  if (answer.status >= 200 && answer.status < 300) return undefined;
  const refusal = decodeRefusal(answer.body);
  return { kind: kindOf(answer.status, refusal), answer, refusal };
}

function kindOf(status: number, refusal: ServerRefusal | undefined): FaultKind {
  if (status < 400) return 'redirect';
  if (status === 429 || refusal?.error === 'RateLimitExceeded') return 'throttled';
  return refusal === undefined ? kindOfForeign(status) : (kindByName(status, refusal) ?? kindByStatus(status, refusal));
}

/** The server itself always explains itself in JSON. */
function kindOfForeign(status: number): FaultKind {
  if (status === 404) return 'route';
  return status >= 500 ? 'server' : 'gateway';
}

function kindByName(status: number, { error, message }: ServerRefusal): FaultKind | undefined {
  // 2024: "not a part of the project" comes as an authentication error, and no new login changes it.
  if (/\bnot (?:a )?(?:part|member) of\b/i.test(message)) return 'permission';
  if (error === 'TokenError' || error.startsWith('Unauthorized')) return 'token';
  if (status >= 500 && /^(?:jwt |invalid (?:signature|token)\b)/i.test(message)) return 'token';
  // 2024: a token whose uses are spent.
  if (status === 400 && /(?:usage|number of uses) limit/i.test(message)) return 'token';
  if (status === 400 && /^Referenced (?:secret|environment|path)/.test(message)) return 'bad-value';
  if (error === 'ForbiddenReadSecretError') return 'hidden';
  if (/expand .*secret references?/i.test(message)) return 'reference';
  if (error === 'PermissionDenied' || error.startsWith('Forbidden')) return 'permission';
  if (error === 'ValidationFailure') return 'invalid';
  return undefined;
}

function kindByStatus(status: number, { message, reqId }: ServerRefusal): FaultKind {
  if (status === 404) return reqId === undefined && /^Route .* not found$/i.test(message) ? 'route' : 'missing';
  // 2024: a missing folder or secret.
  if (status === 400 && /\bnot found\b/i.test(message)) return 'missing';
  if (status === 401) return 'token';
  if (status === 403) return 'permission';
  if (status === 422) return 'invalid';
  return status >= 500 ? 'server' : 'other';
}
