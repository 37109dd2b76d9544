// What logins with a cloud's own identity have in common: time limits, and what a kept token hangs on. The vendors' errors stay here:
// they may carry the requests they are about.

import http from 'node:http';
import { PsiError } from '../../../core/error.ts';
import { SecretValue } from '../../../core/secret-value.ts';
import { proxyError } from '../proxy-errors.ts';
import { authority, type WayTo } from '../proxy.ts';
import { TunnelAgent, TunnelError } from '../tunnel.ts';
import type { LoginTools } from './login.ts';

/** A metadata service is on the same host: one that is absent must not hold a start up for longer. */
export const LIMIT_MS = 4_000;

/** This boot of this host, and what else decides whose credentials it gets. A copy of the disk starts anew. */
export async function hostAnchor(tools: LoginTools, parts: readonly (string | undefined)[]): Promise<SecretValue> {
  return SecretValue.fromText(JSON.stringify([await tools.bootId(), ...parts.map((part) => part ?? null)]));
}

/** As Node's own, but for the proxy that NODE_USE_ENV_PROXY gives to that one: AWS's package asks for metadata by the common agent. */
const STRAIGHT = new http.Agent({ keepAlive: true, scheduling: 'lifo', timeout: 5_000 });

/** For public addresses of a cloud: by the same way as the server, its metadata services excepted. */
export function cloudAgent(wayTo: WayTo): TunnelAgent {
  return new TunnelAgent({ proxyFor: (host, port) => wayTo(new URL(`https://${authority({ host, port })}`)).proxy });
}

export type Failed = {
  readonly message: string;
  readonly hint: string;
  /** Of the way there, behind the message. */
  readonly way?: string;
};

/**
 * What a vendor's package gives; whatever goes wrong, or takes too long, as PROVIDER_DOWN in PSI's words. `load` is not in the limit: it is
 * about the platform, and a slow host takes seconds to load such a package for the first time.
 */
export async function fromPlatform<Vendor, T>(
  load: () => Promise<Vendor>,
  ask: (vendor: Vendor) => Promise<T>,
  failed: Failed,
  limitMs = LIMIT_MS,
): Promise<T> {
  http.globalAgent = STRAIGHT;
  const vendor = await load();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(platformError(failed, `no answer within ${String(limitMs / 1000)} s`));
    }, limitMs);
  });
  try {
    return await Promise.race([ask(vendor), late]);
  } catch (thrown) {
    throw thrown instanceof PsiError
      ? thrown
      : (proxyFailure(failed, thrown) ?? platformError(failed, reasonOf(thrown)));
  } finally {
    clearTimeout(timer);
  }
}

/** Of an address of the cloud that is asked by the way of the config. */
function proxyFailure({ message }: Failed, thrown: unknown): PsiError | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth += 1) {
    if (!(error instanceof TunnelError)) continue;
    const { code, proxy, target, step, status } = error;
    const { message: why, hint, details } = proxyError({ code, proxy, target, step, status, url: `https://${target}` });
    const init = { retry: 'later', details, ...(hint !== undefined && { hint }) } as const;
    return new PsiError('PROVIDER_DOWN', `${message}: ${why}`, init);
  }
  return undefined;
}

function platformError({ message, hint, way = '' }: Failed, reason: string): PsiError {
  return new PsiError('PROVIDER_DOWN', `${message} (${reason})${way}`, { hint, retry: 'later' });
}

/** A status or a code, never the text: it may quote what was sent. */
function reasonOf(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null) return 'failed';
  const { status, statusCode, code, errorCode, name, cause } = thrown as Readonly<Record<string, unknown>>;
  for (const word of [status, statusCode, errorCode, code]) {
    if (typeof word === 'number') return `status ${String(word)}`;
    if (typeof word === 'string' && /^\w{1,60}$/.test(word)) return word;
  }
  if (cause !== undefined) return reasonOf(cause);
  return typeof name === 'string' ? name : 'failed';
}
