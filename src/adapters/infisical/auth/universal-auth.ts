// Login with a client id and a client secret.

import type { Login, ResolveSecret } from './login.ts';

export type UniversalAuth<Field> = {
  readonly method: 'universal-auth';
  readonly clientId: string;
  readonly clientSecret: Field;
  /** Slug of a sub-organization. */
  readonly organization: string | undefined;
};

export function universalAuth<Field>(auth: UniversalAuth<Field>, resolveSecret: ResolveSecret<Field>): Login {
  const { method, clientId, clientSecret, organization } = auth;
  return {
    method,
    identity: [clientId, organization ?? ''],
    who: `client ${clientId}`,
    credential: () => resolveSecret(clientSecret),
    request: (credential) => ({
      path: '/api/v1/auth/universal-auth/login',
      body: {
        clientId,
        clientSecret: credential.exposeText(),
        // Before January 2026 the field had the other name; a server ignores the one it does not know.
        ...(organization !== undefined && { organizationSlug: organization, subOrganizationName: organization }),
      },
    }),
    refusedHint:
      'check client_id and client_secret; infisical revokes a client secret for good once its lifetime or number of uses is spent: then make a new one there',
  };
}
