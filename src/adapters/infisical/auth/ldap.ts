// Login with a user name and a password of an LDAP directory.

import { scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { SecretValue } from '../../../core/secret-value.ts';
import { identityBody, type ByIdentity, type Login, type LoginTools } from './login.ts';

export type LdapAuth<Field> = ByIdentity & {
  readonly method: 'ldap';
  readonly username: string;
  readonly password: Field;
};

export function ldap<Field>(auth: LdapAuth<Field>, { resolveSecret }: LoginTools<Field>): Login {
  const { method, identityId, username, organization } = auth;
  return {
    method,
    identity: [identityId, username, organization ?? ''],
    who: `user ${username}`,
    prepare: async () => {
      const password = await resolveSecret(auth.password);
      const body = { ...identityBody(auth), username, password: password.exposeText() };
      return {
        anchor: await stretched(password, `${identityId} ${username}`),
        request: () => Promise.resolve({ path: '/api/v1/auth/ldap-auth/login', body }),
      };
    },
    refusedHint:
      'check username and password against the directory, and that the allowed fields of the LDAP auth of the identity in infisical fit this user',
  };
}

/** People choose passwords: whoever reads the digest on disk must not be able to try millions of them. */
async function stretched(password: SecretValue, salt: string): Promise<SecretValue> {
  const derive = promisify<Uint8Array, string, number, Buffer>(scrypt);
  return new SecretValue(await derive(password.expose(), salt, 32));
}
