// Login with a client id and a client secret.

import { identity } from '../../../config/schema/fields.ts';
import { secretField, toSecretField } from '../../../config/schema/secret-field.ts';
import { section, word } from '../../../config/schema/section.ts';
import type { SecretField } from '../../../core/secret-field.ts';
import { organizationField, type Login, type LoginTools } from './login.ts';
import { authMethod, ORGANIZATION } from './method.ts';

type UniversalAuth = {
  readonly method: 'universal-auth';
  readonly clientId: string;
  readonly clientSecret: SecretField;
  /** Slug of a sub-organization. */
  readonly organization: string | undefined;
};

export const universalAuth = authMethod({
  method: 'universal-auth',
  codec: section({ method: word('universal-auth'), client_id: identity, client_secret: secretField }, ORGANIZATION),
  assemble: (raw): UniversalAuth => ({
    method: raw.method,
    organization: raw.organization,
    clientId: raw.client_id,
    clientSecret: toSecretField(raw.client_secret),
  }),
  login,
});

function login(auth: UniversalAuth, { resolveSecret }: LoginTools): Login {
  const { method, clientId, organization } = auth;
  return {
    method,
    identity: [clientId, organization ?? ''],
    who: `client ${clientId}`,
    prepare: async () => {
      const clientSecret = await resolveSecret(auth.clientSecret);
      const body = { clientId, clientSecret: clientSecret.exposeText(), ...organizationField(organization) };
      return {
        anchor: clientSecret,
        request: () => Promise.resolve({ path: '/api/v1/auth/universal-auth/login', body }),
      };
    },
    locksOut: true,
    refusedHint:
      'check client_id and client_secret; infisical revokes a client secret for good once its lifetime or number of uses is spent: then make a new one there',
  };
}
