// A refusal of the certificate manager, as PsiError: its rights are not those of secrets, and its policies say in words what they want.

import { PsiError } from '../../core/error.ts';
import { failedServer, foreignMissing, untrustedAddress, type Context } from './errors.ts';
import type { Fault } from './fault.ts';
import { oneLine, requestId, saying } from './words.ts';

/** `what` ends a sentence: "to issue web.example.com in project main". */
export function refusedCertificate(fault: Fault, what: string, context: Context): PsiError {
  const { refusal, answer } = fault;
  const said = saying(refusal);
  const denied = (message: string, hint: string): PsiError =>
    new PsiError('PROVIDER_DENIED', message, { hint, details: { status: answer.status } });
  switch (fault.kind) {
    case 'route':
      return denied(
        `infisical at ${context.apiUrl} is too old ${what}: it has no certificate manager (${String(answer.status)})`,
        'certificates need a server of December 2025 or later',
      );
    case 'token':
      return denied(
        `infisical refuses a token that it has just given out${said}`,
        "check trusted IP addresses and uses limit of the machine identity's access tokens in infisical",
      );
    case 'address':
      return untrustedAddress(`refuses ${what}`, fault, context);
    case 'member':
      return denied(
        `infisical refuses ${what}: the machine identity is not a member of the project${requestId(refusal)}`,
        'in infisical, add it to the project, or put the right project id into the config',
      );
    case 'permission':
    case 'hidden':
    case 'reference':
      return denied(
        `infisical refuses ${what}${said}`,
        'the identity needs issue-cert on certificate profiles, and read and read-private-key on certificates; or a membership in the application',
      );
    case 'missing':
      return new PsiError('NOT_FOUND', `infisical does not find what it needs ${what}${said}`, {
        hint: 'check `profile_id` (the id, not the slug), `application_id` and the project id in the config',
      });
    case 'invalid': {
      const fields = refusal && refusal.fields.length > 0 ? ` (${oneLine(refusal.fields.join(', '))})` : '';
      return denied(
        `infisical finds the request ${what} invalid${fields}${requestId(refusal)}`,
        'check `profile_id` (the id, not the slug) and what the certificate sets in the config',
      );
    }
    case 'bad-value':
    case 'other':
      return denied(
        `infisical refuses ${what} (${String(answer.status)})${said}`,
        'compare the certificate in the config with the policy of its profile; some want both algorithms, others set them themselves',
      );
    case 'gateway':
      if (answer.status === 404) return foreignMissing(answer, what, context);
      return denied(
        `something in front of infisical refuses ${what}: status ${String(answer.status)}`,
        'does the gateway want headers of its own? they go under `headers` of the provider',
      );
    case 'throttled':
    case 'server':
    case 'redirect':
      return failedServer(fault, context);
  }
}
