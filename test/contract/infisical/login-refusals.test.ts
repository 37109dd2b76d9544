// What a person reads when a login is refused, on each server: who, by which method, where, why, and what is next.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { afterEach, before, describe, test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import type { Auth } from '../../../src/adapters/infisical/auth/methods.ts';
import { makeTestAuthority, type TestAuthority } from '../../doubles/infisical/test-authority.ts';
import type { Generation } from '../../doubles/infisical/model.ts';
import { mintJwt } from '../../doubles/jwt.ts';
import { BY_IDENTITY, readA, startIdentityStage, type IdentityStage } from './identity-stage.ts';
import { at, CLIENT_SECRET, PROD } from './stage.ts';

let stage: IdentityStage;
let authority: TestAuthority;
before(async () => {
  authority = await makeTestAuthority();
});
afterEach(() => stage.stop());

const universal = (clientId = 'client-1'): Auth => ({
  method: 'universal-auth',
  clientId,
  clientSecret: at('client secret'),
  organization: undefined,
});
const OIDC: Auth = { method: 'oidc', ...BY_IDENTITY, jwt: at('jwt') };
const LDAP: Auth = { method: 'ldap', ...BY_IDENTITY, username: 'psi', password: at('password') };
const TLS: Auth = { method: 'tls-cert', ...BY_IDENTITY, certificate: at('certificate'), privateKey: at('key') };

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

async function start(generation: Generation, tls = false): Promise<void> {
  stage = await startIdentityStage({
    double: { generation, ...(tls && { tls: authority.server }) },
    source: { caCert: authority.ca },
  });
  const claims = { iss: 'i', sub: 's', aud: 'a', exp: Math.floor(stage.clock.now() / 1000) + 600 };
  for (const [name, value] of Object.entries({
    'client secret': CLIENT_SECRET,
    password: 'canary-password',
    jwt: mintJwt(claims, privateKey),
    certificate: authority.client.cert,
    key: authority.client.key,
  })) {
    stage.fields.set(name, value);
  }
}

async function refusal(auth: Auth): Promise<PsiError> {
  const thrown = await readA(stage.as(auth)).then(
    () => assert.fail('it was taken'),
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof PsiError);
  assert.doesNotMatch(`${thrown.message} ${thrown.hint ?? ''}`, /canary|eyJ/);
  return thrown;
}

/** As it stands on a terminal, without what differs from run to run. */
function line({ code, message, hint }: PsiError): string {
  const host = new URL(stage.double.url).host;
  const told = `${message}\nnext: ${hint ?? ''}`.replaceAll(host, 'HOST');
  return `${code} ${told.replace(/ \[req-[\w-]+\]/, '')}`;
}

const SECRETS = `check client_id and client_secret; infisical revokes a client secret for good once its lifetime or number of uses is spent: then make a new one there`;
const LOCKOUT = `mend it before the next try: a server since August 2025 locks the identity out, on all hosts, after three wrong logins`;
const SEEN = (scheme = 'http'): string =>
  `at the identity's auth method in infisical; this host leaves with the one that \`curl -so /dev/null -w '%{local_ip}' ${scheme}://HOST/api/status\` prints, and behind NAT or a proxy it sees another one: its access log has it`;

type Case = {
  /** Of what was observed. */
  readonly row: number | string;
  readonly what: string;
  readonly on: readonly Generation[];
  readonly auth: Auth;
  readonly set?: () => void;
  readonly says: string;
  readonly tls?: true;
};

const CASES: readonly Case[] = [
  {
    ...{ row: 13, what: 'an unknown client id', on: ['2025', '2025-v4'], auth: universal('nobody') },
    says:
      'PROVIDER_DENIED infisical at HOST knows no client nobody (universal-auth): No identity with specified client ID was found\n' +
      'next: compare `client_id` with the Client ID of the Universal Auth of the identity in infisical; is the identity still there, and `api_url` the right server?',
  },
  {
    ...{ row: 13, what: 'an unknown client id', on: ['2024', 'v4'], auth: universal('nobody') },
    says: `PROVIDER_DENIED infisical at HOST refuses the login of client nobody (universal-auth): Invalid credentials\nnext: ${SECRETS}; ${LOCKOUT}`,
  },
  {
    ...{ row: 'I11', what: 'a wrong client secret', on: ['2024', '2025', '2025-v4', 'v4'], auth: universal() },
    set: () => void stage.fields.set('client secret', 'canary-wrong'),
    says: `PROVIDER_DENIED infisical at HOST refuses the login of client client-1 (universal-auth): Invalid credentials\nnext: ${SECRETS}; ${LOCKOUT}`,
  },
  {
    ...{ row: 14, what: 'an address that is not trusted', on: ['2025', '2025-v4', 'v4'], auth: universal() },
    set: () => {
      stage.double.state.trust('client-1', { login: ['10.0.0.1'] });
    },
    says:
      'PROVIDER_DENIED infisical at HOST does not trust the address that the login of client client-1 (universal-auth) comes from: You are not allowed to access this resource from the current IP address\n' +
      `next: add the address that it sees to the trusted IPs for logins ${SEEN()}`,
  },
  {
    ...{ row: 14, what: 'an address that is not trusted', on: ['2024'], auth: universal() },
    set: () => {
      stage.double.state.trust('client-1', { login: ['10.0.0.1'] });
    },
    says:
      'PROVIDER_DENIED infisical at HOST refuses the login of client client-1 (universal-auth): Failed to authenticate\n' +
      `next: add the address that it sees to the trusted IPs for logins ${SEEN()}; or ${SECRETS}; ${LOCKOUT}`,
  },
  {
    ...{ row: 32, what: 'a method that the identity lacks', on: ['2025', '2025-v4', 'v4'], auth: OIDC },
    says:
      `PROVIDER_DENIED infisical at HOST does not find what the login of identity ${BY_IDENTITY.identityId} (oidc) names: OIDC auth method not found for identity, did you configure OIDC auth?\n` +
      'next: check `identity_id` in the config (of one that it does not know infisical says the same), and that the identity in infisical has oidc auth',
  },
  {
    ...{ row: 32, what: 'LDAP that the identity lacks', on: ['2025', '2025-v4', 'v4'], auth: LDAP },
    says:
      'PROVIDER_DENIED infisical at HOST refuses the login of user psi (ldap): Invalid credentials\n' +
      'next: check username and password against the directory, and that the allowed fields of the LDAP auth of the identity in infisical fit this user; ' +
      `it says the same of an unknown \`identity_id\`, and of an identity without LDAP auth; ${LOCKOUT}`,
  },
  {
    ...{ row: 32, what: 'tls-cert on a server without it', on: ['2025', '2025-v4'], auth: TLS, tls: true },
    says:
      'PROVIDER_DOWN infisical at HOST has no login by tls-cert: it is too old for it (servers have it since the summer of 2025)\n' +
      'next: give the identity another auth method in infisical and in the config, or update the server',
  },
  {
    ...{ row: 32, what: 'tls-cert where the web page answers', on: ['2025'], auth: TLS, tls: true },
    set: () => {
      stage.double.knobs.set({ unknownRoutes: 'html' });
    },
    says:
      'PROVIDER_DOWN what answers at https://HOST has no login by tls-cert (404): no infisical, or one that is too old for it (servers have it since the summer of 2025)\n' +
      'next: if `curl -i https://HOST/api/status` on this host prints JSON, use another auth method or update the server; else check `api_url`',
  },
];

for (const { row, what, on, auth, set, says, tls } of CASES) {
  for (const generation of on) {
    test(`${what} (row ${String(row)}, ${generation})`, async () => {
      await start(generation, tls);
      set?.();
      assert.equal(line(await refusal(auth)), says);
      assert.equal(stage.logins(), 1);
    });
  }
}

/** Read in the source of June 2025, and not run. */
const TOLD: readonly (readonly [what: string, status: number, body: object, says: RegExp])[] = [
  [
    'fields that are no such thing are named as in the config',
    422,
    { error: 'ValidationFailure', message: [{ path: ['identityId'] }, { path: ['subOrganizationName'] }] },
    /^PROVIDER_DENIED infisical at HOST finds the login of .* \(oidc\) invalid \(identityId, subOrganizationName\)\nnext: check `identity_id`, `organization` in the config \(`identity_id` is the id of the identity, a UUID\)$/,
  ],
  [
    'an issuer that the server cannot reach is its own failure, in its words',
    500,
    { error: 'OidcAuthError', message: 'Access denied: the discovery URL does not answer' },
    /^PROVIDER_DOWN infisical at HOST failed at the login of identity .* \(oidc, 500\): Access denied: the discovery URL does not answer\nnext: compare issuer/,
  ],
  [
    'a gateway that finds nothing is no missing identity, and no refusal',
    404,
    { reqId: undefined, error: undefined, message: 'no Route matched with those values' },
    /^PROVIDER_DOWN something in front of infisical answered 404 when it was asked for the login of identity .* \(oidc\), in words that are not infisical's/,
  ],
  [
    'any other failure of the server is none of the identity',
    500,
    { error: 'Find one', message: 'Something went wrong' },
    /^PROVIDER_DOWN infisical answered 500 \(Find one\)\nnext: see the log of the infisical server: are its database and redis up\?$/,
  ],
];

for (const [what, status, body, says] of TOLD) {
  test(what, async () => {
    await start('2025');
    stage.double.knobs.failNext(9, { status, body: { reqId: 'req-1', statusCode: status, ...body }, only: ['login'] });
    assert.match(line(await refusal(OIDC)), says);
  });
}

for (const generation of ['2024', '2025', '2025-v4', 'v4'] as const) {
  describe(`on a server of the generation ${generation}`, () => {
    test('a client secret that is spent is no wrong one', async () => {
      await start(generation);
      stage.double.state.addIdentity({
        ...{ clientId: 'client-1', clientSecret: CLIENT_SECRET, clientSecretUsesLimit: 1, accessTokenTtl: 60 },
      });
      await readA(stage.as(universal()));
      await stage.clock.advance(61_000);
      const error = await refusal(universal());
      assert.match(error.message, /: Access denied due to client secret usage limit reached/);
      assert.doesNotMatch(error.hint ?? '', /three wrong/);
    });

    test('a token whose uses are spent is exchanged for a new one', async () => {
      await start(generation);
      stage.double.state.addIdentity({ clientId: 'client-1', clientSecret: CLIENT_SECRET, accessTokenUsesLimit: 1 });
      const source = stage.as(universal());
      for (let call = 1; call <= 3; call += 1) {
        // A server without the newer routes is asked once more, which is a use.
        assert.equal(await readA(source).catch(() => readA(source)), 'value of A');
      }
      assert.ok(stage.logins() > 1);
    });

    test('a wrong secret is tried once, however many projects and calls there are', async () => {
      await start(generation);
      stage.fields.set('client secret', 'canary-wrong');
      const project = { id: PROD.project, environment: 'prod', auth: universal() };
      const projects = new Map(['main', 'b', 'c'].map((name) => [name, { ...project, auth: universal() }]));
      const source = stage.restart({ projects });
      const asked = [...projects.keys()].map((name) =>
        assert.rejects(source.get({ project: name, path: '/', key: 'A' }, AbortSignal.timeout(7_000)), {
          code: 'PROVIDER_DENIED',
        }),
      );
      await Promise.all(asked);
      assert.equal(stage.logins(), 1);
    });
  });
}
