// Login with a client id and a client secret.

import { organizationField, type Login, type LoginTools } from './login.ts';

export type UniversalAuth<Field> = {
  readonly method: 'universal-auth';
  readonly clientId: string;
  readonly clientSecret: Field;
  /** Slug of a sub-organization. */
  readonly organization: string | undefined;
};

export function universalAuth<Field>(auth: UniversalAuth<Field>, { resolveSecret }: LoginTools<Field>): Login {
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
    refusedHint:
      'check client_id and client_secret; infisical revokes a client secret for good once its lifetime or number of uses is spent: then make a new one there',
  };
}
