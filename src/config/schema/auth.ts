// How an identity logs in to Infisical: one map per method, told apart by `method`. Every leaf here is hidden.

import * as t from 'io-ts';
import { identity } from './fields.ts';
import { section } from './section.ts';
import { secretField, tokenSource } from './secret-field.ts';

const organization = { organization: identity };
const byIdentity = { identity_id: identity };

const byToken = { required: { ...byIdentity, jwt: tokenSource }, optional: organization };

export const authCodec = t.union(
  [
    section({ method: t.literal('universal-auth'), client_id: identity, client_secret: secretField }, organization),
    section({ method: t.literal('aws-iam'), ...byIdentity }, { ...organization, region: identity }),
    section({ method: t.literal('gcp'), ...byIdentity }, { ...organization, service_account_key: secretField }),
    section(
      { method: t.literal('azure'), ...byIdentity },
      { ...organization, resource: identity, client_id: identity },
    ),
    section({ method: t.literal('token'), access_token: secretField }, {}),
    section({ method: t.literal('oidc'), ...byToken.required }, byToken.optional),
    section({ method: t.literal('jwt'), ...byToken.required }, byToken.optional),
    section({ method: t.literal('kubernetes'), ...byIdentity }, { ...organization, jwt: tokenSource }),
    section(
      { method: t.literal('tls-cert'), ...byIdentity, certificate: secretField, private_key: secretField },
      organization,
    ),
    section({ method: t.literal('ldap'), ...byIdentity, username: identity, password: secretField }, organization),
  ],
  'a map with method and what that method needs',
);

export type RawAuth = t.TypeOf<typeof authCodec>;
