// Login with a user name and a password of an LDAP directory.

import { scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { identity } from '../../../config/schema/fields.ts';
import { secretField, toSecretField } from '../../../config/schema/secret-field.ts';
import { section, word } from '../../../config/schema/section.ts';
import type { SecretField } from '../../../core/secret-field.ts';
import { SecretValue } from '../../../core/secret-value.ts';
import { identityBody, type ByIdentity, type Login, type LoginTools } from './login.ts';
import { authMethod, byIdentity, BY_IDENTITY, ORGANIZATION } from './method.ts';

type LdapAuth = ByIdentity & {
  readonly method: 'ldap';
  readonly username: string;
  readonly password: SecretField;
};

export const ldap = authMethod({
  method: 'ldap',
  codec: section({ method: word('ldap'), ...BY_IDENTITY, username: identity, password: secretField }, ORGANIZATION),
  assemble: (raw): LdapAuth => ({
    ...byIdentity(raw),
    method: raw.method,
    username: raw.username,
    password: toSecretField(raw.password),
  }),
  login,
});

function login(auth: LdapAuth, { resolveSecret }: LoginTools): Login {
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
    locksOut: true,
    refusedHint:
      'check username and password against the directory, and that the allowed fields of the LDAP auth of the identity in infisical fit this user; it says the same of an unknown `identity_id`, and of an identity without LDAP auth',
  };
}

/** People choose passwords: whoever reads the digest on disk must not be able to try millions of them. */
async function stretched(password: SecretValue, salt: string): Promise<SecretValue> {
  const derive = promisify<Uint8Array, string, number, Buffer>(scrypt);
  return new SecretValue(await derive(password.expose(), salt, 32));
}
