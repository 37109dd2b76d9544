// Login with an ID token of an OpenID Connect provider (CI systems, workload identity of a platform).

import { toTokenSource, tokenSource } from '../../../config/schema/secret-field.ts';
import { section, word } from '../../../config/schema/section.ts';
import { jwtLogin, type JwtAuth } from './jwt-login.ts';
import { authMethod, byIdentity, BY_IDENTITY, ORGANIZATION } from './method.ts';

const WORDS = {
  path: '/api/v1/auth/oidc-auth/login',
  compareWith:
    'compare issuer, subject, audiences and claims of the OIDC auth of the identity in infisical; infisical has to reach the discovery URL',
  renewedBy: 'the platform or command that issues it has to give out a new one',
};

export const oidc = authMethod({
  method: 'oidc',
  codec: section({ method: word('oidc'), ...BY_IDENTITY, jwt: tokenSource }, ORGANIZATION),
  assemble: (raw): JwtAuth<'oidc'> => ({ ...byIdentity(raw), method: raw.method, jwt: toTokenSource(raw.jwt) }),
  login: (auth, tools) => jwtLogin(auth, WORDS, tools),
});
