// Login with a JWT whose keys Infisical was given (static keys or a JWKS address).

import { toTokenSource, tokenSource } from '../../../config/schema/secret-field.ts';
import { section, word } from '../../../config/schema/section.ts';
import { jwtLogin, type JwtAuth } from './jwt-login.ts';
import { authMethod, byIdentity, BY_IDENTITY, ORGANIZATION } from './method.ts';

const WORDS = {
  path: '/api/v1/auth/jwt-auth/login',
  compareWith: 'compare keys, issuer, subject, audiences and claims of the JWT auth of the identity in infisical',
  renewedBy: 'whoever signs it has to put a new one in its place',
};

export const plainJwt = authMethod({
  method: 'jwt',
  codec: section({ method: word('jwt'), ...BY_IDENTITY, jwt: tokenSource }, ORGANIZATION),
  assemble: (raw): JwtAuth<'jwt'> => ({ ...byIdentity(raw), method: raw.method, jwt: toTokenSource(raw.jwt) }),
  login: (auth, tools) => jwtLogin(auth, WORDS, tools),
});
