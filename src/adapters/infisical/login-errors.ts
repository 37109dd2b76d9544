// A login that was refused, as PsiError: who, by which method, where, and what is next. The client secret is not in here to be told.

import { PsiError } from '../../core/error.ts';
import { failedServer, foreignMissing, limited, trustHint, type Context } from './errors.ts';
import type { Fault } from './fault.ts';
import { looksLike, oneLine, requestId, saying } from './words.ts';

/** Who was refused, and what is to be done when it is for who they are. */
export type Refused = {
  readonly who: string;
  readonly method: string;
  readonly refusedHint: string;
  /** Wrong logins are counted, and the third shuts the identity out everywhere. */
  readonly locksOut?: true;
  /** From when on servers have this method. */
  readonly since?: string;
};

export function refusedLogin(fault: Fault, login: Refused, context: Context): PsiError {
  const { refusal, answer } = fault;
  const who = `${login.who} (${login.method})`;
  const server = `infisical at ${new URL(context.apiUrl).host}`;
  const said = saying(refusal);
  const denied = (message: string, hint: string): PsiError =>
    new PsiError('PROVIDER_DENIED', message, { hint, details: { status: answer.status } });
  switch (fault.kind) {
    case 'token':
    case 'permission':
    case 'member':
    case 'hidden':
    case 'reference':
      if (/\blocked\b/i.test(refusal?.message ?? '')) {
        return denied(
          `${server} has locked out ${who} after failed logins${requestId(refusal)}`,
          'even the right secret is refused until the lock ends (5 minutes by default) or is cleared at the identity; look for a host with an old client secret',
        );
      }
      return denied(`${server} refuses the login of ${who}${said}`, hintForRefused(fault, login, context));
    case 'address':
      return denied(
        `${server} does not trust the address that the login of ${who} comes from${said}`,
        trustHint('logins', context.apiUrl),
      );
    case 'missing':
      return missing(fault, login, { who, server, denied });
    case 'invalid': {
      const fields = refusal && refusal.fields.length > 0 ? ` (${oneLine(refusal.fields.join(', '))})` : '';
      return denied(
        `${server} finds the login of ${who} invalid${fields}${requestId(refusal)}`,
        hintForFields(refusal?.fields ?? []) ?? login.refusedHint,
      );
    }
    case 'gateway':
      if (answer.status === 404) return foreignMissing(answer, `for the login of ${who}`, context);
      return denied(
        `something in front of ${server} refuses the login of ${who}: status ${String(answer.status)}, ${looksLike(answer)}`,
        'does the gateway want headers of its own? they go under `headers` of the provider',
      );
    case 'bad-value':
    case 'other':
      return denied(
        `${server} refuses the login of ${who} (${String(answer.status)})${said}`,
        hintForRefused(fault, login, context),
      );
    case 'route':
      return noRoute(fault, login, context);
    case 'server':
      return failed(fault, login, context);
    case 'throttled':
      return limited(fault, context, 'login');
    case 'redirect':
      return failedServer(fault, context);
  }
}

/** Said of the first wrong login: the two that are left are soon made, by a second host or a second look. */
const LOCKOUT =
  'mend it before the next try: a server since August 2025 locks the identity out, on all hosts, after three wrong logins';

/** Nobody guesses these right by trying again, and they do not count as wrong. */
const SPENT = /\b(?:expired|limit)\b/i;

function hintForRefused({ kind, refusal }: Fault, login: Refused, { apiUrl }: Context): string {
  const message = refusal?.message ?? '';
  // 2024 says no more than this of an address that it does not trust.
  const address = message === 'Failed to authenticate' ? `${trustHint('logins', apiUrl)}; or ` : '';
  const lockout = login.locksOut && kind === 'token' && !SPENT.test(message) ? `; ${LOCKOUT}` : '';
  return `${address}${login.refusedHint}${lockout}`;
}

type Told = {
  readonly who: string;
  readonly server: string;
  readonly denied: (message: string, hint: string) => PsiError;
};

function missing({ refusal }: Fault, { method }: Refused, { who, server, denied }: Told): PsiError {
  const said = saying(refusal);
  const message = refusal?.message ?? '';
  if (/\bclient id\b/i.test(message)) {
    return denied(
      `${server} knows no ${who}${said}`,
      'compare `client_id` with the Client ID of the Universal Auth of the identity in infisical; is the identity still there, and `api_url` the right server?',
    );
  }
  const ids = /\bauth method not found\b/i.test(message)
    ? 'check `identity_id` in the config (of one that it does not know infisical says the same)'
    : 'check the ids and `organization` in the config';
  return denied(
    `${server} does not find what the login of ${who} names${said}`,
    `${ids}, and that the identity in infisical has ${method} auth`,
  );
}

/** The fields of a login as the config calls them. */
const KEYS: Readonly<Record<string, string>> = {
  clientId: 'client_id',
  clientSecret: 'client_secret',
  identityId: 'identity_id',
  organizationSlug: 'organization',
  subOrganizationName: 'organization',
  username: 'username',
  password: 'password',
  jwt: 'jwt',
};

function hintForFields(fields: readonly string[]): string | undefined {
  const keys = [...new Set(fields.flatMap((field) => KEYS[field] ?? []))];
  if (keys.length === 0) return undefined;
  const uuid = keys.includes('identity_id') ? ' (`identity_id` is the id of the identity, a UUID)' : '';
  return `check ${keys.map((key) => `\`${key}\``).join(', ')} in the config${uuid}`;
}

/** Infisical names the route that it does not have; whatever else answers 404 may be no Infisical at all. */
function noRoute(fault: Fault, { method, since }: Refused, context: Context): PsiError {
  if (method === 'universal-auth') return failedServer(fault, context);
  const { answer, refusal } = fault;
  const age = since === undefined ? '' : ` (servers have it since ${since})`;
  const init = { details: { status: answer.status } };
  if (refusal?.message.startsWith('Route POST:/api/v1/auth/')) {
    return new PsiError(
      'PROVIDER_DOWN',
      `infisical at ${new URL(context.apiUrl).host} has no login by ${method}: it is too old for it${age}`,
      { ...init, hint: 'give the identity another auth method in infisical and in the config, or update the server' },
    );
  }
  return new PsiError(
    'PROVIDER_DOWN',
    `what answers at ${context.apiUrl} has no login by ${method} (${String(answer.status)}): no infisical, or one that is too old for it${age}`,
    {
      ...init,
      hint: `if \`curl -i ${context.apiUrl}/api/status\` on this host prints JSON, use another auth method or update the server; else check \`api_url\``,
    },
  );
}

/** An issuer that the server cannot reach, or does not believe, comes as its own failure. */
function failed(fault: Fault, { who, method, refusedHint }: Refused, context: Context): PsiError {
  const { answer, refusal } = fault;
  if (refusal?.error !== 'OidcAuthError') return failedServer(fault, context);
  return new PsiError(
    'PROVIDER_DOWN',
    `infisical at ${new URL(context.apiUrl).host} failed at the login of ${who} (${method}, ${String(answer.status)})${saying(refusal)}`,
    { hint: refusedHint, retry: 'later', details: { status: answer.status } },
  );
}
