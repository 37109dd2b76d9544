// A refused write as PsiError: what the port promises of batches and folders. Never a value, not even in the server's own words.

import { PsiError } from '../../core/error.ts';
import { refusedCall, type Context, type Subject } from './errors.ts';
import type { Fault } from './fault.ts';
import type { Item } from './write-requests.ts';
import { oneLine, requestId } from './words.ts';

export function refusedWrite(
  fault: Fault,
  subject: Subject,
  context: Context,
  sent: { readonly doing: string; readonly right: string; readonly items: readonly Item[] },
): PsiError {
  const { refusal, answer } = fault;
  const place = `${subject.project}:${subject.path} (environment ${subject.environment})`;
  const what = `to ${sent.doing} ${place}`;
  const said = `${wordsWithout(refusal?.message ?? '', sent.items)}${requestId(refusal)}`;
  const details = { status: answer.status };
  switch (fault.kind) {
    case 'permission':
    case 'member':
    case 'address':
      return new PsiError('PROVIDER_DENIED', `infisical refuses ${what}${said}`, {
        hint: `in infisical, give the machine identity the right to ${sent.right} for this environment and path of project ${subject.projectId}`,
        details,
      });
    case 'missing':
      return new PsiError('NOT_FOUND', `infisical refuses ${what}${said}`, {
        hint: 'check the id of the project and the slug of the environment in the config, and `--environment`',
        details,
      });
    case 'invalid':
    case 'other':
      if (/already exists?\b/i.test(refusal?.message ?? '')) {
        return new PsiError('CONFLICT', `infisical has some of these keys in ${place} already${requestId(refusal)}`, {
          hint: 'run it again with `--conflict skip` or `--conflict overwrite`',
          details,
        });
      }
      return new PsiError('BAD_REQUEST', `infisical does not take it${said}${fieldsOf(fault)}`, {
        hint: 'is there a rule for names or values in the settings of the project?',
        details,
      });
    case 'token':
    case 'hidden':
    case 'reference':
    case 'route':
    case 'throttled':
    case 'server':
    case 'redirect':
    case 'gateway':
      return refusedCall(fault, subject, context, what);
  }
}

/**
 * Whole values are out of the answer already, but a server may quote one in its own way, or only a part of it: where any word of a value
 * stands in what it says, nothing of it is repeated.
 */
function wordsWithout(message: string, items: readonly Item[]): string {
  const line = oneLine(message);
  const shows = (part: string): boolean => part.length > 2 && message.includes(part);
  const told = items.some(({ secretValue: value }) => {
    return (
      (value.length === 2 && message.includes(value)) || value.split(/[^\p{L}\p{N}]+/u).some(shows) || shows(value)
    );
  });
  return line === '' || told ? '' : `: ${line}`;
}

function fieldsOf({ refusal }: Fault): string {
  const fields = [...new Set((refusal?.fields ?? []).map((field) => field.split('.').at(-1) ?? ''))];
  return fields.length === 0 ? '' : `: invalid ${oneLine(fields.join(', '))}`;
}
