// Which ways to log in there are.

import { PsiError } from '../../../core/error.ts';
import type { Login, ResolveSecret } from './login.ts';
import { universalAuth, type UniversalAuth } from './universal-auth.ts';

export type Auth<Field> = UniversalAuth<Field> | { readonly method: string };

export const SUPPORTED_METHODS: readonly string[] = ['universal-auth'];

export function loginFor<Field>(auth: Auth<Field>, resolveSecret: ResolveSecret<Field>): Login {
  if (isUniversalAuth(auth)) return universalAuth(auth, resolveSecret);
  throw new PsiError('CONFIG_INVALID', `this version cannot log in with ${auth.method}`, {
    hint: `use one of: ${SUPPORTED_METHODS.join(', ')}`,
  });
}

function isUniversalAuth<Field>(auth: Auth<Field>): auth is UniversalAuth<Field> {
  return auth.method === 'universal-auth';
}
