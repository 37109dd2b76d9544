// The connections to one server, straight or through a proxy, and the pool that keeps them.

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { SecureContext } from 'node:tls';
import { PsiError } from '../../core/error.ts';
import type { Proxy, Way } from './proxy.ts';
import { certifiedContext, type ClientCertificate, type Trust } from './tls.ts';
import { TunnelAgent } from './tunnel.ts';

export type Agents = {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  /** Ends idle connections. Calls under way still finish. */
  readonly close: () => void;
};

type Tls = {
  readonly verifySsl: boolean;
  /** As a context: made once, and not a part of the pool's key, which would be 200 kB of certificates for each request. */
  readonly context: SecureContext | undefined;
};

/** Calls to one server at a time. */
export const AT_ONCE = 16;

const POOL = { keepAlive: true, maxSockets: AT_ONCE, maxFreeSockets: 4, scheduling: 'lifo' } as const;

export function agentsFor({ proxy }: Way, { verifySsl, context }: Tls): Agents {
  const tls = { ...POOL, rejectUnauthorized: verifySsl, secureContext: context };
  // Plain HTTP needs no tunnel: Node's own agent asks the proxy for the whole address (RFC 9112, 3.2.2).
  const http = new HttpAgent({ ...POOL, ...(proxy && { proxyEnv: { http_proxy: addressOf(proxy) } }) });
  const https = proxy ? new TunnelAgent({ ...tls, proxyFor: () => proxy, proxyContext: context }) : new HttpsAgent(tls);
  return {
    http,
    https,
    close: () => {
      // Only idle ones: `agent.destroy()` would also cut the calls of lookups that are still under way.
      for (const { freeSockets } of [http, https]) {
        for (const socket of Object.values(freeSockets).flat()) socket?.destroy();
      }
    },
  };
}

/** Never kept alive: a connection that somebody else finds in a pool would speak with this identity. */
export function certifiedAgent(
  certificate: ClientCertificate,
  { apiUrl, verifySsl, ...trust }: Trust & { readonly apiUrl: string; readonly verifySsl: boolean },
  { way: { proxy }, context }: { readonly way: Way; readonly context: SecureContext | undefined },
): { readonly https: HttpsAgent } {
  if (!apiUrl.startsWith('https:')) {
    throw new PsiError('CONFIG_INVALID', `a client certificate cannot be shown to ${apiUrl}: it has no TLS`, {
      hint: 'method tls-cert needs an https `api_url`',
    });
  }
  const tls = { rejectUnauthorized: verifySsl, secureContext: certifiedContext(certificate, trust) };
  // The proxy itself is not shown the certificate.
  return {
    https: proxy ? new TunnelAgent({ ...tls, proxyFor: () => proxy, proxyContext: context }) : new HttpsAgent(tls),
  };
}

/** With its credentials. */
function addressOf({ protocol, shown, credentials }: Proxy): string {
  return credentials === undefined
    ? shown
    : shown.replace(`${protocol}//`, () => `${protocol}//${credentials.exposeText()}@`);
}
