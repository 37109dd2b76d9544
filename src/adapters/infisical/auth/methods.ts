// Which ways to log in there are: a method is its own file and a line here. People see them in this order.

import * as t from 'io-ts';
import { PsiError } from '../../../core/error.ts';
import { accessToken } from './access-token.ts';
import { awsIam } from './aws-iam.ts';
import { azure } from './azure.ts';
import { gcp } from './gcp.ts';
import { plainJwt } from './jwt.ts';
import { kubernetes } from './kubernetes.ts';
import { ldap } from './ldap.ts';
import type { Login, LoginTools } from './login.ts';
import { oidc } from './oidc.ts';
import { tlsCert } from './tls-cert.ts';
import { universalAuth } from './universal-auth.ts';

const METHODS = [universalAuth, awsIam, gcp, azure, accessToken, oidc, plainJwt, kubernetes, tlsCert, ldap] as const;

type Methods = typeof METHODS;

type CodecsOf<M extends readonly { readonly codec: t.Mixed }[]> = { -readonly [I in keyof M]: M[I]['codec'] };

/** One map per method, told apart by `method`. Every leaf in it is hidden. */
export const authCodec = t.union(
  METHODS.map(({ codec }) => codec) as CodecsOf<Methods>,
  'a map with method and what that method needs',
);

export type Auth = NonNullable<ReturnType<Methods[number]['assembleOwn']>>;

export type AccessTokenAuth = Extract<Auth, { readonly method: 'token' }>;

/** All but a token that somebody made: there is nothing to log in for. */
export type LoginAuth = Exclude<Auth, AccessTokenAuth>;

export function assembleAuth(raw: t.TypeOf<typeof authCodec>): Auth {
  return firstOf(
    METHODS.map(({ assembleOwn }) => assembleOwn(raw)),
    raw.method,
  );
}

export function loginFor(auth: LoginAuth, tools: LoginTools): Login {
  return firstOf(
    METHODS.map(({ loginOfOwn }) => loginOfOwn(auth, tools)),
    auth.method,
  );
}

function firstOf<T>(answers: readonly (T | undefined)[], method: string): T {
  const found = answers.find((answer) => answer !== undefined);
  if (found !== undefined) return found;
  throw new PsiError('INTERNAL', `the login method ${method} is in no list`);
}
