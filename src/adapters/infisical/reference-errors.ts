// Values that refer to what may not be read, or cannot be told from such, as PsiError. Coordinates only, never a value.

import { PsiError } from '../../core/error.ts';
import type { Fault } from './fault.ts';
import { refusedNames, type Reference } from './references.ts';
import { placeOf, readValues, type Subject } from './subject.ts';
import { oneLine } from './words.ts';

/** A value refers to a secret that was asked for by itself, and refused. */
export function refusedReference(by: Subject, target: Subject & { readonly key: string }): PsiError {
  const named = `${oneLine(target.key)} (environment ${oneLine(target.environment)}, path ${oneLine(target.path)})`;
  return new PsiError(
    'PROVIDER_DENIED',
    `infisical refuses to read ${oneLine(by.key ?? '')} in ${placeOf(by)}: it refers to ${named}, which the identity may not read`,
    { hint: referenceHint(target) },
  );
}

/** A value that no server of this kind can give out: it names a folder that is not there beside a secret that is. */
export function lostReference(by: Subject, { key, place }: Reference): PsiError {
  const where = place === undefined ? '' : ` (environment ${oneLine(place.environment)}, path ${oneLine(place.path)})`;
  return new PsiError(
    'PROVIDER_DENIED',
    `infisical fails on the value of ${oneLine(by.key ?? '')} in ${placeOf(by)}: it refers to ${oneLine(key)}${where}, which is not there`,
    { hint: 'make what it refers to, or take the reference out of the value' },
  );
}

/** Each would have to be asked for by itself. */
export function tooManyReferences(by: Subject, most: number): PsiError {
  return new PsiError(
    'PROVIDER_DENIED',
    `the value of ${oneLine(by.key ?? '')} in ${placeOf(by)} holds more than ${String(most)} references that infisical leaves as text, too many to ask for`,
    { hint: 'take `${…}` out of the value, or make what it refers to' },
  );
}

/** Its text looks like a reference, and its name cannot be asked for by itself, which alone would tell. */
export function unaskableReference(subject: Subject): PsiError {
  return new PsiError(
    'PROVIDER_DENIED',
    `the value of ${oneLine(subject.key ?? '')} in ${placeOf(subject)} looks like a reference, and infisical takes no question for a secret of this name`,
    { hint: 'rename it in infisical (no slash, no dot name, at most 100 characters), or take `${…}` out of its value' },
  );
}

/** Of one secret that is asked for, or of a folder. */
export function refers({ refusal }: Fault, { key }: Subject): string {
  const names = refusal === undefined ? [] : refusedNames(refusal);
  const what = names.length === 0 ? 'a secret' : names.slice(0, 5).join(', ');
  return `${key === undefined ? 'a value' : 'it'} refers to ${what}, which the identity may not read`;
}

export function referenceHint(target: { readonly environment: string; readonly path: string } | undefined): string {
  const give =
    target === undefined ? 'give the machine identity the right to read what is referred to' : readValues(target);
  return `${give}, or take the reference out`;
}
