// What logins with a cloud's own identity have in common: time limits, and what a kept token hangs on. The vendors' errors stay here:
// they may carry the requests they are about.

import { PsiError } from '../../../core/error.ts';
import { SecretValue } from '../../../core/secret-value.ts';
import type { LoginTools } from './login.ts';

/** A metadata service is on the same host: one that is absent must not hold a start up for longer. */
const LIMIT_MS = 4_000;

/** This boot of this host, and what else decides whose credentials it gets. A copy of the disk starts anew. */
export async function hostAnchor(tools: LoginTools, parts: readonly (string | undefined)[]): Promise<SecretValue> {
  return SecretValue.fromText(JSON.stringify([await tools.bootId(), ...parts.map((part) => part ?? null)]));
}

export type Failed = { readonly message: string; readonly hint: string };

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
    throw thrown instanceof PsiError ? thrown : platformError(failed, reasonOf(thrown));
  } finally {
    clearTimeout(timer);
  }
}

function platformError({ message, hint }: Failed, reason: string): PsiError {
  return new PsiError('PROVIDER_DOWN', `${message} (${reason})`, { hint, retry: 'later' });
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
