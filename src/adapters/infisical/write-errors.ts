// A refused write as PsiError: what the port promises of batches and folders. Never a value, not even in the server's own words.

import { PsiError } from '../../core/error.ts';
import { refusedCall, type Context } from './errors.ts';
import type { Subject } from './subject.ts';
import type { Fault } from './fault.ts';
import { referenceNames } from './references.ts';
import { leadsElsewhere, named } from './value-references.ts';
import { oneLine, requestId } from './words.ts';
import { ENCODE } from './writable.ts';
import type { Item } from './write-requests.ts';

/** What was to be done, for messages: `doing` ends "to …" before the place, `right` is what the identity needs for it. */
export type Sent = { readonly doing: string; readonly right: string; readonly items: readonly Item[] };

export function refusedWrite(fault: Fault, subject: Subject, context: Context, sent: Sent): PsiError {
  const { refusal, answer } = fault;
  const place = placeOf(subject);
  const what = `to ${sent.doing} ${place}`;
  const said = `${wordsWithout(refusal?.message ?? '', sent.items)}${requestId(refusal)}`;
  const details = { status: answer.status };
  switch (fault.kind) {
    case 'permission':
      // The server looks at what a value refers to before it writes, with the rights of whoever writes.
      if (isAboutReading(refusal?.message ?? '') && referencesOf(sent.items).length > 0) {
        return badReference(fault, sent.items, 'the identity may not see that secret');
      }
      return new PsiError('PROVIDER_DENIED', `infisical refuses ${what}${said}`, {
        hint: `in infisical, give the machine identity the right to ${sent.right} for this environment and path of project ${subject.projectId}`,
        details,
      });
    case 'member':
    case 'address':
      return refusedCall(fault, subject, context, what);
    case 'missing':
      if (!/^Secret\b/.test(refusal?.message ?? '')) return refusedCall(fault, subject, context, what);
      return new PsiError('NOT_FOUND', `infisical refuses ${what}${said}`, {
        hint: 'a secret has gone since the folder was listed: run the same import again',
        details,
      });
    case 'bad-value':
      return badReference(fault, sent.items, `it has no such ${missingThing(refusal?.message ?? '')}`);
    case 'invalid':
    case 'other':
      if (/already exists?\b/i.test(refusal?.message ?? '')) {
        return new PsiError('CONFLICT', `infisical has some of these keys in ${place} already${requestId(refusal)}`, {
          hint: 'run it again with `--conflict skip` or `--conflict overwrite`',
          details,
        });
      }
      return new PsiError('BAD_REQUEST', `infisical does not take it${said}${fieldsOf(fault)}`, {
        hint: hintForInvalid(fault, sent),
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
 * A server of 2025 fails where a value refers into a folder that is not there. What it says then is said of no failure of its database: those
 * have the name of what was asked of it.
 */
export function failedOverReference(fault: Fault, items: readonly Item[]): PsiError | undefined {
  const { kind, refusal, answer } = fault;
  if (kind !== 'server' || refusal?.error !== 'InternalServerError') return undefined;
  const far = referencesOf(items).filter(leadsElsewhere);
  if (far.length === 0) return undefined;
  return new PsiError(
    'PROVIDER_DOWN',
    `infisical failed (${String(answer.status)}) on a value that refers to ${named(far)}: is that folder there?${requestId(refusal)}`,
    { hint: `${MAKE_FIRST}; if it is there, see the log of the infisical server`, details: { status: answer.status } },
  );
}

const MAKE_FIRST = `make what it refers to first; or, if the text itself is meant, ${ENCODE}`;

function badReference({ refusal, answer }: Fault, items: readonly Item[], why: string): PsiError {
  const references = referencesOf(items);
  const words = new Set((refusal?.message ?? '').split(/[\s,':/]+/));
  const meant = references.filter((reference) => reference.split('.').some((part) => words.has(part)));
  return new PsiError(
    'BAD_REQUEST',
    `infisical does not take a value that refers to ${named(meant.length > 0 ? meant : references)}: ${why}${requestId(refusal)}`,
    { hint: MAKE_FIRST, details: { status: answer.status } },
  );
}

function referencesOf(items: readonly Item[]): readonly string[] {
  return [...new Set(items.flatMap(({ secretValue }) => referenceNames(secretValue)))];
}

function isAboutReading(message: string): boolean {
  return /^You are not allowed to (?:describe|read)/i.test(message);
}

/** In the server's own sentences: `Referenced environment not found. Missing x`, `Referenced secret(s) not found: x`. */
function missingThing(message: string): string {
  if (/^Referenced environment/.test(message)) return 'environment';
  return /^Referenced path/.test(message) ? 'folder' : 'secret';
}

function hintForInvalid({ refusal }: Fault, { items }: Sent): string {
  if (items.length === 0 || /secret path/i.test(refusal?.message ?? '')) {
    return 'names of folders take letters, digits, `-` and `_`: give `--path` another one';
  }
  if ((refusal?.fields ?? []).some((field) => field.endsWith('secretKey'))) {
    return 'give it another name: servers of 2025 take no blanks in names either';
  }
  return 'is there a rule for names or values in the settings of the project?';
}

function placeOf({ project, path, environment }: Subject): string {
  return `${project}:${path} (environment ${environment})`;
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
