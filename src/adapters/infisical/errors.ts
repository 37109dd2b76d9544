// An answer that is not the wanted one, as PsiError: what was refused, to whom it is said, what to do. Never a value or a token.

import { PsiError, type ErrorCode, type ErrorInit } from '../../core/error.ts';
import type { ServerAnswer } from './api.ts';
import type { Fault } from './fault.ts';
import { askedWaitMs } from './asked-wait.ts';
import { referenceHint, refers } from './reference-errors.ts';
import { firstRefused } from './references.ts';
import { placeOf, readValues, type Subject } from './subject.ts';
import { looksLike, oneLine, requestId, saying } from './words.ts';

export type Context = { readonly apiUrl: string; readonly now: number };

/** `doing`: what was refused, where it was no reading of secrets. */
export function refusedCall(fault: Fault, subject: Subject, context: Context, doing?: string): PsiError {
  const { refusal, answer } = fault;
  const said = saying(refusal);
  const place = placeOf(subject);
  const reading = subject.key === undefined ? `to list ${place}` : `to read ${oneLine(subject.key)} in ${place}`;
  const what = doing ?? reading;
  const error = (code: ErrorCode, message: string, init: ErrorInit): PsiError =>
    new PsiError(code, message, { ...init, details: { status: answer.status, ...init.details } });

  switch (fault.kind) {
    case 'token':
      return error('PROVIDER_DENIED', `infisical refuses a token that it has just given out${said}`, {
        hint: "check trusted IP addresses and uses limit of the machine identity's access tokens in infisical",
      });
    case 'permission':
      return error('PROVIDER_DENIED', `infisical refuses ${what}${said}`, {
        hint: `in infisical, add the machine identity to project ${subject.projectId} with the right to describe and read secrets of this environment and path`,
      });
    case 'member':
      return error(
        'PROVIDER_DENIED',
        `infisical refuses ${what}: the machine identity is not a member of the project${requestId(refusal)}`,
        {
          hint: `in infisical, add it to project ${subject.projectId} with the right to describe and read secrets, or put the right \`id\` under ${subject.project} in the config`,
        },
      );
    case 'address':
      return untrustedAddress(`refuses ${what}`, fault, context);
    case 'hidden':
      if (subject.key !== undefined) return hiddenValue(subject);
      return error('PROVIDER_DENIED', `infisical refuses ${what}${said}`, { hint: readValues(subject) });
    case 'reference':
      return error('PROVIDER_DENIED', `infisical refuses ${what}: ${refers(fault, subject)}${requestId(refusal)}`, {
        hint: referenceHint(refusal && firstRefused(refusal)),
      });
    case 'missing':
      return missing(fault, subject);
    case 'invalid':
      return error(
        'PROVIDER_DENIED',
        `infisical finds the request ${what} invalid${fields(fault)}${requestId(refusal)}`,
        {
          hint: `check id and environment of project ${subject.project} in the config (the id, not the slug)`,
        },
      );
    case 'other':
      if (!/secret path/i.test(refusal?.message ?? '')) return failedServer(fault, context);
      return error(
        'PLACE_NOT_FOUND',
        `infisical takes no folder of this name: ${subject.path} (project ${subject.project})${said}`,
        {
          hint: 'correct the `path`: letters, digits, dashes and underscores between slashes',
        },
      );
    case 'gateway':
      if (answer.status === 404) return foreignMissing(answer, what, context);
      return error(
        'PROVIDER_DENIED',
        `something in front of infisical refuses ${what}: status ${String(answer.status)}, ${looksLike(answer)}`,
        {
          hint: 'does the gateway want headers of its own? they go under `headers` of the provider',
        },
      );
    case 'throttled':
      return limited(fault, context, subject.key === undefined ? 'list' : 'get');
    case 'route':
    case 'server':
    case 'redirect':
    case 'bad-value':
      return failedServer(fault, context);
  }
}

/** Refused for where this host is seen to come from: no login and no right changes that. */
export function untrustedAddress(what: string, { refusal, answer }: Fault, { apiUrl }: Context): PsiError {
  return new PsiError(
    'PROVIDER_DENIED',
    `infisical ${what}: it does not trust the address that this host comes from${requestId(refusal)}`,
    { hint: trustHint('access tokens', apiUrl), details: { status: answer.status } },
  );
}

/** Infisical has a list of addresses for logins, where a method knows it, and one for access tokens. */
export function trustHint(of: 'logins' | 'access tokens', apiUrl: string): string {
  return `add the address that it sees to the trusted IPs for ${of} at the identity's auth method in infisical; this host leaves with the one that \`curl -so /dev/null -w '%{local_ip}' ${apiUrl}/api/status\` prints, and behind NAT or a proxy it sees another one: its access log has it`;
}

/** A gateway that knows nothing of the path, as many do while the server behind them is away. */
export function foreignMissing(answer: ServerAnswer, what: string, { apiUrl }: Context): PsiError {
  return new PsiError(
    'PROVIDER_DOWN',
    `something in front of infisical answered 404 when it was asked ${what}, in words that are not infisical's: ${looksLike(answer)}`,
    {
      hint: `is the server behind it up? \`curl -i ${apiUrl}/api/status\` on this host must print infisical's JSON`,
      retry: 'later',
      details: { status: answer.status },
    },
  );
}

/** What has nothing to do with the question: the same for logins and calls. */
export function failedServer(fault: Fault, context: Context): PsiError {
  const { answer, refusal, kind } = fault;
  const { apiUrl } = context;
  const status = String(answer.status);
  const details = { status: answer.status };
  if (kind === 'throttled') return limited(fault, context);
  if (kind === 'route') {
    return new PsiError(
      'PROVIDER_DOWN',
      `what answers at ${apiUrl} is no infisical that psi knows: it has no such route (${status})`,
      {
        hint: `\`curl -i ${apiUrl}/api/status\` on this host; check \`api_url\`, and \`api_version\` if it is set`,
        details,
      },
    );
  }
  if (kind === 'redirect') {
    const origin =
      answer.location !== undefined && URL.canParse(answer.location, apiUrl)
        ? new URL(answer.location, apiUrl).origin
        : 'elsewhere';
    return new PsiError('PROVIDER_DOWN', `infisical at ${apiUrl} redirects to ${origin} (${status})`, {
      hint: `set \`api_url\` to ${origin} if that is infisical; a login page in front of it wants \`headers\``,
      details,
    });
  }
  if (kind === 'server') {
    const who = refusal === undefined ? 'a gateway in front of infisical' : 'infisical';
    return new PsiError('PROVIDER_DOWN', `${who} answered ${status}${failedAt(refusal)}${requestId(refusal)}`, {
      hint: 'see the log of the infisical server: are its database and redis up?',
      retry: 'later',
      details,
    });
  }
  return new PsiError('PROVIDER_DENIED', `infisical answered ${status}${saying(refusal)}`, {
    hint: 'see the log of the infisical server',
    details,
  });
}

/** `route`: what has a counter of its own, seen on June 2025 (method and pattern). */
export function limited(
  { answer, refusal }: Fault,
  { now }: Context,
  route?: 'list' | 'get' | 'folders' | 'login',
): PsiError {
  const wait = askedWaitMs(answer, now);
  const asked = wait === undefined ? '' : `; it asks to wait ${String(Math.ceil(wait / 1000))} s`;
  return new PsiError(
    'THROTTLED',
    `infisical limits requests (${String(answer.status)})${asked}${requestId(refusal)}`,
    {
      hint: 'all hosts behind one address share the limit: put secrets that start together into one path, or raise it on the server',
      retry: 'later',
      ...(wait !== undefined && { retryAfterMs: wait }),
      details: { status: answer.status, ...(route && { route }) },
    },
  );
}

/** The step that failed, as servers name it whose database is away; never a message, which may quote what was sent. */
function failedAt(refusal: Fault['refusal']): string {
  const error = refusal?.error ?? '';
  const named = /^[A-Za-z ]{3,60}$/.test(error) && !/^internal ?server ?error$/i.test(error);
  return named ? ` (${error})` : '';
}

/** A success that holds something else. */
export function noAnswer(what: string, answer: ServerAnswer, { apiUrl }: Context, found = looksLike(answer)): PsiError {
  return new PsiError('PROVIDER_DOWN', `infisical answered ${what} with ${found}`, {
    hint: `a proxy or a login page in between? \`curl -i ${apiUrl}/api/status\` on this host must print JSON`,
    retry: 'later',
    details: { status: answer.status },
  });
}

export function hiddenValue(subject: Subject): PsiError {
  return new PsiError(
    'VALUE_HIDDEN',
    `infisical hides the value of ${oneLine(subject.key ?? '')} in ${placeOf(subject)}`,
    { hint: readValues(subject) },
  );
}

export function missingSecret(subject: Subject, id = ''): PsiError {
  return new PsiError(
    'NOT_FOUND',
    `infisical has no secret ${oneLine(subject.key ?? '')} in ${placeOf(subject)}${id}`,
    {
      hint: 'create it there or allow the identity to see it, then run `podman exec psi psi setup`',
    },
  );
}

function missing({ refusal }: Fault, subject: Subject): PsiError {
  const message = refusal?.message ?? '';
  const id = requestId(refusal);
  if (/^environment\b/i.test(message)) {
    return new PsiError(
      'PLACE_NOT_FOUND',
      `infisical has no environment ${subject.environment} in project ${subject.project}${id}`,
      {
        details: { missing: 'environment' },
        hint: `put the slug of the environment under \`projects.${subject.project}.environment\` (or \`--environment\`): it stands in the project settings`,
      },
    );
  }
  if (/\bproject\b/i.test(message) && !/folder|secret with/i.test(message)) {
    return new PsiError(
      'PLACE_NOT_FOUND',
      `infisical has no project ${subject.projectId} (${subject.project} in the config)${id}`,
      {
        details: { missing: 'project' },
        hint: `put the project's id under \`projects.${subject.project}.id\`: it stands in the project settings, and is not the slug`,
      },
    );
  }
  const folder = subject.key === undefined || /folder/i.test(message) || refusal?.error === 'GetSecretByName';
  if (!folder) return missingSecret(subject, id);
  return new PsiError(
    'PLACE_NOT_FOUND',
    `infisical has no folder ${subject.path} in environment ${subject.environment} of project ${subject.project}${id}`,
    {
      details: { missing: 'folder' },
      hint: 'check the path and the environment slug; a folder that was renamed there has to be renamed in the config too',
    },
  );
}

function fields({ refusal }: Fault): string {
  return refusal === undefined || refusal.fields.length === 0
    ? saying(refusal).replace(/ \[.*$/, '')
    : ` (${oneLine(refusal.fields.join(', '))})`;
}
