// Login with a JWT whose keys Infisical was given (static keys or a JWKS address).

import { jwtLogin, type JwtAuth } from './jwt-login.ts';
import type { Login, LoginTools } from './login.ts';

export type PlainJwtAuth<Field> = JwtAuth<'jwt', Field>;

export function plainJwt<Field>(auth: PlainJwtAuth<Field>, tools: LoginTools<Field>): Login {
  const words = {
    path: '/api/v1/auth/jwt-auth/login',
    compareWith: 'compare keys, issuer, subject, audiences and claims of the JWT auth of the identity in infisical',
    renewedBy: 'whoever signs it has to put a new one in its place',
  };
  return jwtLogin(auth, words, tools);
}
