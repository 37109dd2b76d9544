// Login with the token of a Kubernetes service account, from a projected file.

import { toTokenSource, tokenSource } from '../../../config/schema/secret-field.ts';
import { section, word } from '../../../config/schema/section.ts';
import { jwtLogin, type JwtAuth } from './jwt-login.ts';
import { authMethod, byIdentity, BY_IDENTITY, ORGANIZATION } from './method.ts';

/** Where Kubernetes puts the token of a pod. */
const TOKEN_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/token';

const WORDS = {
  path: '/api/v1/auth/kubernetes-auth/login',
  compareWith:
    'compare allowed names, namespaces and audience of the Kubernetes auth of the identity in infisical, and its token reviewer',
  renewedBy: 'the kubelet renews a projected token: is the file a copy of one, or the volume gone?',
};

export const kubernetes = authMethod({
  method: 'kubernetes',
  codec: section({ method: word('kubernetes'), ...BY_IDENTITY }, { ...ORGANIZATION, jwt: tokenSource }),
  assemble: (raw): JwtAuth<'kubernetes'> => ({
    ...byIdentity(raw),
    method: raw.method,
    jwt: toTokenSource(raw.jwt ?? { file: TOKEN_FILE }),
  }),
  login: (auth, tools) => jwtLogin(auth, WORDS, tools),
});
