// What a refusing answer means, for both generations of the server. The one of 2024 swaps 401 and 403 and calls an expired token a 500,
// so the name in `error` decides first and the status only after it.

import type { ServerAnswer } from './api.ts';
import { decodeRefusal, type ServerRefusal } from './codec.ts';
import { refusesReference } from './references.ts';

export type FaultKind =
  /** The token is no longer taken: a new login can help. */
  | 'token'
  | 'permission'
  /** The identity is in no way a part of the project. */
  | 'member'
  /** The identity may not come from the address that this host has for the server. No new login changes it. */
  | 'address'
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
  /** Refused by something in front of the server, or not found by it: says nothing of what the server has. */
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

function kindByName(status: number, refusal: ServerRefusal): FaultKind | undefined {
  const { error, message } = refusal;
  // 2024: "not a part of the project" comes as an authentication error, and no new login changes it. 2025 puts its sentence where others
  // have the name of the error.
  if (/\bnot (?:a )?(?:part|member) of\b/i.test(`${error} ${message}`)) return 'member';
  if (/\bcurrent IP address\b/i.test(message)) return 'address';
  if (error === 'TokenError' || error.startsWith('Unauthorized')) return 'token';
  if (status >= 500 && /^(?:jwt |invalid (?:signature|token)\b)/i.test(message)) return 'token';
  // 2024: a token whose uses are spent.
  if (status === 400 && /usage limit|number of uses limit/i.test(message)) return 'token';
  if (status === 400 && /^Referenced (?:secret|environment|path)/.test(message)) return 'bad-value';
  if (error === 'ForbiddenReadSecretError') return 'hidden';
  if (refusesReference(refusal)) return 'reference';
  if (error === 'PermissionDenied' || error.startsWith('Forbidden')) return 'permission';
  if (error === 'ValidationFailure') return 'invalid';
  return undefined;
}

function kindByStatus(status: number, { error, message, reqId }: ServerRefusal): FaultKind {
  if (status === 404) {
    if (reqId === undefined && /^Route .* not found$/i.test(message)) return 'route';
    return isOwnMissing(error, reqId) ? 'missing' : 'gateway';
  }
  // 2024: a missing folder or secret. Gateways have other names for their errors.
  if (status === 400 && error === 'BadRequest' && /\bnot found\b/i.test(message)) return 'missing';
  if (status === 401) return 'token';
  if (status === 403) return 'permission';
  if (status === 422) return 'invalid';
  return status >= 500 ? 'server' : 'other';
}

/**
 * A 404 of the server's own: gateways answer in JSON too while the server behind them is down, and what they do not find may well be there.
 * The server names its error (never in the words of HTTP) and gives the request an id, but for that of 2024, which has only the name.
 */
function isOwnMissing(error: string, reqId: string | undefined): boolean {
  if (!/^[A-Za-z][A-Za-z ]*$/.test(error) || /^not found$/i.test(error)) return false;
  return reqId !== undefined || /^(?:NotFound|Bad ?Request)(?:Error)?$/.test(error);
}
