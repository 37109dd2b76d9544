// Which ways to log in there are.

import type { AccessTokenAuth } from './access-token.ts';
import { awsIam, type AwsAuth } from './aws-iam.ts';
import { azure, type AzureAuth } from './azure.ts';
import { gcp, type GcpAuth } from './gcp.ts';
import { plainJwt, type PlainJwtAuth } from './jwt.ts';
import { kubernetes, type KubernetesAuth } from './kubernetes.ts';
import { ldap, type LdapAuth } from './ldap.ts';
import type { Login, LoginTools } from './login.ts';
import { oidc, type OidcAuth } from './oidc.ts';
import { tlsCert, type TlsCertAuth } from './tls-cert.ts';
import { universalAuth, type UniversalAuth } from './universal-auth.ts';

export type LoginAuth<Field> =
  | UniversalAuth<Field>
  | OidcAuth<Field>
  | PlainJwtAuth<Field>
  | KubernetesAuth<Field>
  | LdapAuth<Field>
  | TlsCertAuth<Field>
  | AwsAuth
  | GcpAuth<Field>
  | AzureAuth;

export type Auth<Field> = LoginAuth<Field> | AccessTokenAuth<Field>;

export function loginFor<Field>(auth: LoginAuth<Field>, tools: LoginTools<Field>): Login {
  switch (auth.method) {
    case 'universal-auth':
      return universalAuth(auth, tools);
    case 'oidc':
      return oidc(auth, tools);
    case 'jwt':
      return plainJwt(auth, tools);
    case 'kubernetes':
      return kubernetes(auth, tools);
    case 'ldap':
      return ldap(auth, tools);
    case 'tls-cert':
      return tlsCert(auth, tools);
    case 'aws-iam':
      return awsIam(auth, tools);
    case 'gcp':
      return gcp(auth, tools);
    case 'azure':
      return azure(auth, tools);
  }
}
