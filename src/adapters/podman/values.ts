// Values of Podman's secrets over its REST API. Podman puts them into a JSON text, so bytes that are no UTF-8 arrive as something else:
// those are refused, never handed on.

import { isSecretId } from '../../core/naming.ts';
import type { RegisteredSecret } from '../../registration/registered-secret.ts';
import { SecretValue } from '../../core/secret-value.ts';
import type { HeldValue, SecretValues } from '../../transfer/secret-values.ts';
import { decodeShown } from './codec.ts';
import { isMissing, refusal } from './errors.ts';
import { createPodmanApi, type PodmanApi } from './modem.ts';

/** For one secret: its driver's lookup runs, after whatever holds Podman's lock. */
const TIMEOUT_MS = 60_000;

export function createSecretValues(options: { readonly socketPath: string }): SecretValues {
  const api = createPodmanApi({ timeoutMs: TIMEOUT_MS, ...options });
  return { read: (secret) => read(api, secret) };
}

async function read(api: PodmanApi, { id, name }: RegisteredSecret): Promise<HeldValue> {
  if (!isSecretId(id)) return { reason: 'podman gives it an id that psi does not know' };
  const answer = await api({
    method: 'GET',
    path: `/v4.0.0/libpod/secrets/${id}/json`,
    query: { showsecret: 'true' },
  });
  if (isMissing(answer)) return { reason: 'podman does not have it any more, or its driver does not find the value' };
  const shown = answer.status === 200 ? decodeShown(answer.body.toString('utf8')) : undefined;
  // The refusal speaks of statuses and causes; the answer itself may hold the value.
  if (!shown) return { reason: refusal(`show ${name}`, answer).message };
  if (shown.id !== id || shown.name !== name) return { reason: 'something else changes podman secrets meanwhile' };
  if (shown.data === undefined)
    return { reason: 'podman shows no value (before 4.7 it cannot), or the value is empty' };
  if (shown.data.includes('\ufffd')) return { reason: 'the value is not valid UTF-8' };
  if (shown.data.includes('\0')) return { reason: 'the value holds a NUL byte' };
  return { value: SecretValue.fromText(shown.data) };
}
