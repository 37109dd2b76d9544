// Login with the token of a Kubernetes service account, from a projected file.

import { jwtLogin, type JwtAuth } from './jwt-login.ts';
import type { Login, LoginTools } from './login.ts';

export type KubernetesAuth<Field> = JwtAuth<'kubernetes', Field>;

export function kubernetes<Field>(auth: KubernetesAuth<Field>, tools: LoginTools<Field>): Login {
  const words = {
    path: '/api/v1/auth/kubernetes-auth/login',
    compareWith:
      'compare allowed names, namespaces and audience of the Kubernetes auth of the identity in infisical, and its token reviewer',
    renewedBy: 'the kubelet renews a projected token: is the file a copy of one, or the volume gone?',
  };
  return jwtLogin(auth, words, tools);
}
