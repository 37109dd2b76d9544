// Login with an ID token of an OpenID Connect provider (CI systems, workload identity of a platform).

import { jwtLogin, type JwtAuth } from './jwt-login.ts';
import type { Login, LoginTools } from './login.ts';

export type OidcAuth<Field> = JwtAuth<'oidc', Field>;

export function oidc<Field>(auth: OidcAuth<Field>, tools: LoginTools<Field>): Login {
  const words = {
    path: '/api/v1/auth/oidc-auth/login',
    compareWith:
      'compare issuer, subject, audiences and claims of the OIDC auth of the identity in infisical; infisical has to reach the discovery URL',
    renewedBy: 'the platform or command that issues it has to give out a new one',
  };
  return jwtLogin(auth, words, tools);
}
