// A login that was refused, as PsiError. The client secret is not in here to be told.

import { PsiError } from '../../core/error.ts';
import { failedServer, type Context } from './errors.ts';
import type { Fault } from './fault.ts';
import { looksLike, oneLine, requestId, saying } from './words.ts';

/** Who was refused, and what is to be done when it is for who they are. */
export type Refused = { readonly who: string; readonly method: string; readonly refusedHint: string };

export function refusedLogin(fault: Fault, login: Refused, context: Context): PsiError {
  const { refusal, answer } = fault;
  const denied = (message: string, hint: string): PsiError =>
    new PsiError('PROVIDER_DENIED', message, { hint, details: { status: answer.status } });
  const message = refusal?.message ?? '';
  switch (fault.kind) {
    case 'token':
    case 'permission':
    case 'hidden':
    case 'reference':
      if (/\blocked\b/i.test(message)) {
        return denied(
          `infisical has locked out ${login.who} after failed logins${requestId(refusal)}`,
          'even the right secret is refused until the lock ends (5 minutes by default) or is cleared at the identity; look for a host with an old client secret',
        );
      }
      return denied(`infisical refuses the login of ${login.who}${saying(refusal)}`, login.refusedHint);
    case 'missing':
      return denied(
        `infisical does not find what the login of ${login.who} names${saying(refusal)}`,
        `check the ids and \`organization\` in the config, and that the identity in infisical has ${login.method} auth`,
      );
    case 'invalid': {
      const fields = refusal && refusal.fields.length > 0 ? ` (${oneLine(refusal.fields.join(', '))})` : '';
      return denied(
        `infisical finds the login of ${login.who} invalid${fields}${requestId(refusal)}`,
        login.refusedHint,
      );
    }
    case 'gateway':
      return denied(
        `something in front of infisical refuses the login of ${login.who}: status ${String(answer.status)}, ${looksLike(answer)}`,
        'does the gateway want headers of its own? they go under `headers` of the provider',
      );
    case 'bad-value':
    case 'other':
      return denied(
        `infisical refuses the login of ${login.who} (${String(answer.status)})${saying(refusal)}`,
        login.refusedHint,
      );
    case 'route':
    case 'throttled':
    case 'server':
    case 'redirect':
      return failedServer(fault, context);
  }
}
