// One way to log in, as the session needs it. A method is one file beside this one.

import type { SecretValue } from '../../../core/secret-value.ts';
import type { ProxyDeps } from '../proxy.ts';
import type { ClientCertificate } from '../tls.ts';

export type LoginRequest = {
  readonly path: string;
  readonly body: Readonly<Record<string, string>>;
  /** Shown to the server while the connection is made. */
  readonly clientCertificate?: ClientCertificate;
  /** What to do when this one is refused, where that is known better than for the method as a whole. */
  readonly refusedHint?: string;
};

export type Attempt = {
  /** The same for as long as the same identity would log in: a token that was obtained with another one is not used. */
  readonly anchor: SecretValue;
  /** Differs once another try may end differently: a refusal is remembered for it. Without it for the anchor. */
  readonly tried?: SecretValue;
  /** What is obtained anew for each login (by a metadata service, a command, a signature) is obtained here, not before. */
  readonly request: () => Promise<LoginRequest>;
};

export type Login = {
  readonly method: string;
  /** What tells this identity from others, without anything secret. */
  readonly identity: readonly string[];
  /** Who logs in, for messages. */
  readonly who: string;
  /** What it rests on, read afresh each time. Asks nobody outside this host. */
  readonly prepare: () => Promise<Attempt>;
  /** What to do when the server refuses who logs in. */
  readonly refusedHint: string;
  /** Servers since August 2025 count wrong logins of this method, and lock the identity out on all hosts. */
  readonly locksOut?: true;
  /** From when on servers have this method, where that is known and not long ago. */
  readonly since?: string;
};

export type ResolveSecret = ProxyDeps['resolveSecret'];

/** What a method may use of the world around it, and by which way it reaches addresses of a cloud. */
export type LoginTools = ProxyDeps & {
  /** Names this boot of this host: what the platform says about it holds no longer, and not on a copy of its disk. */
  readonly bootId: () => Promise<string>;
  /** Wall clock, milliseconds since 1970. */
  readonly now: () => number;
};

/** Which identity logs in, and where. */
export type ByIdentity = {
  readonly identityId: string;
  /** Slug of a sub-organization; most installations need none. */
  readonly organization: string | undefined;
};

/** The part of each login's body that says where to log in. */
export function organizationField(organization: string | undefined): Readonly<Record<string, string>> {
  // Before January 2026 the field had the other name; a server ignores the one it does not know.
  return organization === undefined ? {} : { organizationSlug: organization, subOrganizationName: organization };
}

export function identityBody({ identityId, organization }: ByIdentity): Readonly<Record<string, string>> {
  return { identityId, ...organizationField(organization) };
}
