// The auth methods besides universal-auth: which identity has which, and the rule by which a login is judged. A rule throws what the
// server would answer; statuses as far as they are known, else the nearest.
import { randomBytes, X509Certificate, type KeyObject } from 'node:crypto';
import { verifyJwt, type Claims } from '../jwt.ts';
import { ApiFailure } from './errors.ts';
import type { Fields } from './fields.ts';
import type { Clock, Generation, Identity } from './model.ts';
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
  readonly #generation: Generation;
  readonly #now: Clock;
  readonly #rules = new Map<string, LoginRule>();

  constructor(state: DoubleState, generation: Generation, now: Clock) {
    this.#state = state;
    this.#generation = generation;
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
    if (this.#generation === 'v4') call.body.optionalText('organizationSlug');
    const rule = this.#rules.get(`${method} ${identityId}`);
    const identity = this.#state.identities.get(identityId);
    call.body.check();
    if (rule === undefined || identity === undefined) {
      const kind = this.#generation === '2024' ? 'unauthorized' : 'not-found';
      throw new ApiFailure(kind, `The identity has no ${method} configuration`);
    }
    rule({ ...call, now: this.#now() });
    return identity;
  }
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
