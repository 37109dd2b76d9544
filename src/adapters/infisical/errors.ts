// An answer that is not the wanted one, as PsiError: what was refused, to whom it is said, what to do. Never a value or a token.

import { PsiError, type ErrorCode, type ErrorInit } from '../../core/error.ts';
import type { ServerAnswer } from './api.ts';
import type { Fault } from './fault.ts';
import { askedWaitMs } from './asked-wait.ts';
import { looksLike, oneLine, requestId, saying } from './words.ts';

export type Subject = {
  /** Alias in the config. */
  readonly project: string;
  readonly projectId: string;
  readonly environment: string;
  readonly path: string;
  /** undefined: the whole folder is asked for. */
  readonly key: string | undefined;
};

export type Context = { readonly apiUrl: string; readonly now: number };

/** `doing`: what was refused, where it was no reading. */
export function refusedCall(fault: Fault, subject: Subject, context: Context, doing?: string): PsiError {
  const { refusal, answer } = fault;
  const said = saying(refusal);
  const place = `${subject.project}:${subject.path} (environment ${subject.environment})`;
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
    case 'hidden':
      if (subject.key !== undefined) return hiddenValue(subject);
      return error('PROVIDER_DENIED', `infisical refuses ${what}${said}`, { hint: READ_VALUES });
    case 'reference':
      return error(
        'PROVIDER_DENIED',
        `infisical refuses ${what}: a value refers to a secret that the identity may not read${references(fault)}${requestId(refusal)}`,
        {
          hint: 'give the machine identity the right to read what is referred to, or take the reference out',
        },
      );
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
    case 'gateway':
      return error(
        'PROVIDER_DENIED',
        `something in front of infisical refuses ${what}: status ${String(answer.status)}, ${looksLike(answer)}`,
        {
          hint: 'does the gateway want headers of its own? they go under `headers` of the provider',
        },
      );
    case 'route':
    case 'throttled':
    case 'server':
    case 'redirect':
    case 'bad-value':
    case 'other':
      return failedServer(fault, context);
  }
}

/** What has nothing to do with the question: the same for logins and calls. */
export function failedServer(fault: Fault, { apiUrl, now }: Context): PsiError {
  const { answer, refusal, kind } = fault;
  const status = String(answer.status);
  const details = { status: answer.status };
  if (kind === 'throttled') {
    const wait = askedWaitMs(answer, now);
    const asked = wait === undefined ? '' : `; it asks to wait ${String(Math.ceil(wait / 1000))} s`;
    return new PsiError('THROTTLED', `infisical limits requests (${status})${asked}${requestId(refusal)}`, {
      hint: 'all hosts behind one address share the limit: put secrets that start together into one path, or raise it on the server',
      retry: 'later',
      ...(wait !== undefined && { retryAfterMs: wait }),
      details,
    });
  }
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
    const who = refusal === undefined ? 'the proxy in front of infisical' : 'infisical';
    return new PsiError('PROVIDER_DOWN', `${who} answered ${status}${requestId(refusal)}`, {
      hint: 'see the log of the infisical server',
      retry: 'later',
      details,
    });
  }
  return new PsiError('PROVIDER_DENIED', `infisical answered ${status}${saying(refusal)}`, {
    hint: 'see the log of the infisical server',
    details,
  });
}

/** A success that holds something else. */
export function noAnswer(what: string, answer: ServerAnswer, { apiUrl }: Context): PsiError {
  return new PsiError('PROVIDER_DOWN', `infisical answered ${what} with ${looksLike(answer)}`, {
    hint: `a proxy or a login page in between? \`curl -i ${apiUrl}/api/status\` on this host must print JSON`,
    retry: 'later',
    details: { status: answer.status },
  });
}

const READ_VALUES = 'give the machine identity the right to read values (Read Value) of this path in infisical';

export function hiddenValue(subject: Subject): PsiError {
  const where = `${subject.project}:${subject.path} (environment ${subject.environment})`;
  return new PsiError('VALUE_HIDDEN', `infisical hides the value of ${oneLine(subject.key ?? '')} in ${where}`, {
    hint: READ_VALUES,
  });
}

export function missingSecret(subject: Subject, id = ''): PsiError {
  const where = `${subject.project}:${subject.path} (environment ${subject.environment})`;
  return new PsiError('NOT_FOUND', `infisical has no secret ${oneLine(subject.key ?? '')} in ${where}${id}`, {
    hint: 'create it there or allow the identity to see it, then run `podman exec psi psi setup`',
  });
}

function missing({ refusal }: Fault, subject: Subject): PsiError {
  const message = refusal?.message ?? '';
  const id = requestId(refusal);
  if (/\bproject\b/i.test(message) && !/folder|secret with/i.test(message)) {
    return new PsiError(
      'NOT_FOUND',
      `infisical has no project ${subject.projectId} (${subject.project} in the config)${saying(refusal)}`,
      {
        hint: 'the id stands in the project settings; the slug is not the id',
      },
    );
  }
  const folder = subject.key === undefined || /folder/i.test(message) || refusal?.error === 'GetSecretByName';
  if (!folder) return missingSecret(subject, id);
  return new PsiError(
    'NOT_FOUND',
    `infisical has no folder ${subject.path} in environment ${subject.environment} of project ${subject.project}${id}`,
    {
      hint: 'check the path and the environment slug; a folder that was renamed there has to be renamed in the config too',
    },
  );
}

/** Coordinates only: the text around them is the server's. */
function references({ refusal }: Fault): string {
  const found = JSON.stringify(refusal?.details ?? '').match(/\$\{[\w.@/-]{1,100}\}/g) ?? [];
  return found.length === 0 ? '' : `: ${found.slice(0, 5).join(', ')}`;
}

function fields({ refusal }: Fault): string {
  return refusal === undefined || refusal.fields.length === 0
    ? saying(refusal).replace(/ \[.*$/, '')
    : ` (${oneLine(refusal.fields.join(', '))})`;
}
