// The auth methods besides universal-auth: which identity has which, and the rule by which a login is judged. A rule throws what the
// server would answer; statuses as far as they are known, else the nearest.
import { randomBytes, X509Certificate, type KeyObject } from 'node:crypto';
import { verifyJwt, type Claims } from '../jwt.ts';
import { ApiFailure } from './errors.ts';
import type { Fields } from './fields.ts';
import type { Traits } from './generations.ts';
import type { Clock, Identity } from './model.ts';
import type { DoubleState } from './state.ts';

export const LOGIN_METHODS = [
  'aws-auth',
  'azure-auth',
  'gcp-auth',
  'jwt-auth',
  'kubernetes-auth',
  'ldap-auth',
  'oidc-auth',
  'tls-cert-auth',
] as const;

export type LoginMethod = (typeof LOGIN_METHODS)[number];

export interface LoginCall {
  readonly body: Fields;
  readonly clientCertificate: X509Certificate | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export type LoginRule = (call: LoginCall) => void;

export interface MachineInput {
  readonly method: LoginMethod;
  readonly identityId: string;
  readonly rule: LoginRule;
  readonly accessTokenTtl?: number | undefined;
}

export class MachineLogins {
  readonly #state: DoubleState;
  readonly #traits: Traits;
  readonly #now: Clock;
  readonly #rules = new Map<string, LoginRule>();

  constructor(state: DoubleState, traits: Traits, now: Clock) {
    this.#state = state;
    this.#traits = traits;
    this.#now = now;
  }

  /** The identity is known to `state` under its id, in place of a client id. */
  allow({ method, identityId, rule, accessTokenTtl }: MachineInput): void {
    if (!this.#state.identities.has(identityId) || accessTokenTtl !== undefined) {
      this.#state.addIdentity({ clientId: identityId, clientSecret: randomBytes(16).toString('hex'), accessTokenTtl });
    }
    this.#rules.set(`${method} ${identityId}`, rule);
  }

  check(method: LoginMethod, call: Omit<LoginCall, 'now'>): Identity {
    const identityId = call.body.text('identityId');
    if (this.#traits.organizations) call.body.optionalText('organizationSlug');
    const rule = this.#rules.get(`${method} ${identityId}`);
    const identity = this.#state.identities.get(identityId);
    call.body.check();
    if (rule === undefined || identity === undefined) throw notConfigured(method, this.#traits);
    rule({ ...call, now: this.#now() });
    return identity;
  }
}

/** Seen on June 2025 (row 32), but for the last one, which that server does not have. */
const NAMES: Readonly<Record<Exclude<LoginMethod, 'ldap-auth'>, readonly [string, string]>> = {
  'aws-auth': ['AWS', 'AWS auth'],
  'azure-auth': ['Azure', 'Azure Auth'],
  'gcp-auth': ['GCP', 'GCP auth'],
  'jwt-auth': ['JWT', 'JWT auth'],
  'kubernetes-auth': ['Kubernetes', 'Kubernetes auth'],
  'oidc-auth': ['OIDC', 'OIDC auth'],
  'tls-cert-auth': ['TLS certificate', 'TLS certificate auth'],
};

function notConfigured(method: LoginMethod, { invertedStatuses }: Traits): ApiFailure {
  if (invertedStatuses) return new ApiFailure('unauthorized', `The identity has no ${method} configuration`);
  if (method === 'ldap-auth') return new ApiFailure('unauthorized', 'Invalid credentials');
  const [name, configured] = NAMES[method];
  return new ApiFailure('not-found', `${name} auth method not found for identity, did you configure ${configured}?`);
}

export interface JwtExpectation {
  /** A secret, or a public key. */
  readonly key: string | KeyObject;
  readonly issuer: string;
  readonly audience: string;
  readonly subject?: string;
}

/** For oidc, jwt and kubernetes alike. */
export function acceptJwt(expected: JwtExpectation): LoginRule {
  return (call) => {
    const claims = verified(call, expected.key);
    if (claims['iss'] !== expected.issuer) throw new ApiFailure('unauthorized', 'Access denied: jwt issuer invalid');
    if (claims['aud'] !== expected.audience) throw new ApiFailure('forbidden', 'Access denied: audience not allowed');
    if (expected.subject !== undefined && claims['sub'] !== expected.subject) {
      throw new ApiFailure('forbidden', 'Access denied: subject not allowed');
    }
  };
}

export function verified({ body, now }: LoginCall, key: string | KeyObject): Claims {
  const jwt = body.text('jwt');
  body.check();
  const result = verifyJwt(jwt, key, now);
  if ('wrong' in result) throw new ApiFailure('unauthorized', `Access denied: ${result.wrong}`);
  return result.claims;
}

export function acceptLdap(expected: { readonly username: string; readonly password: string }): LoginRule {
  return ({ body }) => {
    const [username, password] = [body.text('username'), body.text('password')];
    body.check();
    if (username === expected.username && password === expected.password) return;
    throw new ApiFailure('unauthorized', 'Invalid credentials');
  };
}

export function acceptCertificate(expected: { readonly ca: string; readonly commonName: string }): LoginRule {
  const ca = new X509Certificate(expected.ca);
  return ({ clientCertificate, now }) => {
    if (clientCertificate === undefined) throw new ApiFailure('bad-request', 'Missing TLS certificate in header');
    if (!clientCertificate.verify(ca.publicKey)) {
      throw new ApiFailure('unauthorized', 'Access denied: Certificate not signed by provided CA.');
    }
    if (clientCertificate.validToDate.getTime() <= now) {
      throw new ApiFailure('unauthorized', 'Access denied: Certificate has expired.');
    }
    if (!clientCertificate.subject.split('\n').includes(`CN=${expected.commonName}`)) {
      throw new ApiFailure('unauthorized', 'Access denied: TLS Certificate common name not allowed.');
    }
  };
}
