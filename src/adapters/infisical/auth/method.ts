// What a way to log in is made of. A method is one file beside this one, and one line in the list of methods.ts.

import type * as t from 'io-ts';
import { identity } from '../../../config/schema/fields.ts';
import type { ByIdentity, Login, LoginTools } from './login.ts';

/** Every assembled auth, as far as nobody asks which it is. */
type Named = { readonly method: string };

export type AuthMethod<C extends t.Mixed, A extends Named> = {
  /** How it is written: a map with its own word under `method`. */
  readonly codec: C;
  /** undefined: it is another method's. */
  readonly assembleOwn: (raw: Named) => A | undefined;
  /** undefined: it is another method's, or this one needs no login. */
  readonly loginOfOwn: (auth: Named, tools: LoginTools) => Login | undefined;
};

/** The type of a method's auth is what `assemble` gives: it is stated once. */
export function authMethod<C extends t.Mixed, R extends Named, A extends Named>(parts: {
  readonly method: A['method'];
  readonly codec: C & t.Type<R, unknown>;
  readonly assemble: (raw: R) => A;
  readonly login?: (auth: A, tools: LoginTools) => Login;
}): AuthMethod<C, A> {
  const { method, codec, assemble, login } = parts;
  const isRaw = (raw: Named): raw is R => raw.method === method;
  const isOwn = (auth: Named): auth is A => auth.method === method;
  return {
    codec,
    assembleOwn: (raw) => (isRaw(raw) ? assemble(raw) : undefined),
    loginOfOwn: (auth, tools) => (isOwn(auth) ? login?.(auth, tools) : undefined),
  };
}

/** Keys that most methods share. */
export const ORGANIZATION = { organization: identity };
export const BY_IDENTITY = { identity_id: identity };

type RawIdentity = { readonly identity_id: string; readonly organization?: string | undefined };

export function byIdentity({ identity_id, organization }: RawIdentity): ByIdentity {
  return { identityId: identity_id, organization };
}
