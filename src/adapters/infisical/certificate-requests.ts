// What the certificate manager is asked, in its own words.

import type { WantedCertificate } from '../../certificates/certificate.ts';
import type { ApiRequest } from './api.ts';

const BASE = '/api/v1/cert-manager/certificates';

/** Beyond this the server itself gives up. A key of 4096 bits takes seconds to make. */
const SIGNING_MS = 35_000;
const READING_MS = 15_000;

export function issueRequest(wanted: WantedCertificate): ApiRequest {
  const { profileId, applicationId, removeRoots } = wanted;
  return {
    method: 'POST',
    path: BASE,
    body: {
      profileId,
      ...(applicationId !== undefined && { applicationId }),
      // At the top: inside of `attributes` it is ignored without a word.
      removeRootsFromChain: removeRoots,
      attributes: attributes(wanted),
    },
    once: true,
    timeoutMs: SIGNING_MS,
  };
}

/** Only what the config sets: profiles may forbid the rest, or have it set themselves. */
function attributes(wanted: WantedCertificate): Readonly<Record<string, unknown>> {
  const { commonName, altNames, ttlMs, keyAlgorithm, signatureAlgorithm, keyUsages, extendedKeyUsages } = wanted;
  return {
    commonName,
    ttl: ttlText(ttlMs),
    ...(altNames.length > 0 && { altNames }),
    ...(keyAlgorithm !== undefined && { keyAlgorithm }),
    ...(signatureAlgorithm !== undefined && { signatureAlgorithm }),
    ...(keyUsages.length > 0 && { keyUsages }),
    ...(extendedKeyUsages.length > 0 && { extendedKeyUsages }),
  };
}

/** Days, hours and minutes are all that every version reads. */
export function ttlText(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / 60_000));
  if (minutes % 1440 === 0) return `${String(minutes / 1440)}d`;
  return minutes % 60 === 0 ? `${String(minutes / 60)}h` : `${String(minutes)}m`;
}

export function renewRequest(id: string, removeRoots: boolean): ApiRequest {
  const body = { removeRootsFromChain: removeRoots };
  return { method: 'POST', path: `${BASE}/${encodeURIComponent(id)}/renew`, body, once: true, timeoutMs: SIGNING_MS };
}

export function lookRequest(id: string): ApiRequest {
  return { method: 'GET', path: `${BASE}/${encodeURIComponent(id)}`, timeoutMs: READING_MS };
}

export function bundleRequest(id: string): ApiRequest {
  return { method: 'GET', path: `${BASE}/${encodeURIComponent(id)}/bundle`, timeoutMs: READING_MS };
}

export function statusRequest(id: string): ApiRequest {
  const path = `${BASE}/certificate-requests/${encodeURIComponent(id)}`;
  return { method: 'GET', path, timeoutMs: READING_MS };
}
