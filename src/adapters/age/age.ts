// Recovery keys, by the package that the maker of age maintains. A sealed key is a whole age file: `age --decrypt` opens it too. The
// package is loaded when it is used, and for sealing in a thread that ends with it: the service has none of it, and no lookup waits for it.

import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { PsiError } from '../../core/error.ts';
import { SecretValue } from '../../core/secret-value.ts';
import { DATA_KEY_BYTES, type KeyFailure } from '../../sealing/key-wrapper.ts';
import type { RecoveryRecipient } from '../../sealing/recipients.ts';
import type { SealingAnswer, SealingTask } from './age-worker.ts';

/** It stands beside this file among the sources, and beside what this file went into in the build. */
const WORKER = join(import.meta.dirname, `age-worker${extname(import.meta.filename)}`);

/** A busy machine at its boot takes a second. */
const TIMEOUT_MS = 20_000;

export class AgeRecipient implements RecoveryRecipient {
  readonly kind = 'recovery';
  readonly parameters: string;
  readonly #timeoutMs: number;

  /** `recipient`: as age-keygen prints it. */
  constructor(recipient: string, { timeoutMs = TIMEOUT_MS }: { readonly timeoutMs?: number } = {}) {
    this.parameters = recipient;
    this.#timeoutMs = timeoutMs;
  }

  async wrap(dataKey: SecretValue): Promise<Uint8Array> {
    if (dataKey.byteLength !== DATA_KEY_BYTES) {
      throw new PsiError('INTERNAL', `a data key has ${String(DATA_KEY_BYTES)} bytes`);
    }
    const recipient = this.parameters;
    // The worker has a copy, which it wipes.
    const answer = await sealed({ recipient, dataKey: dataKey.expose() }, this.#timeoutMs);
    if ('wrappedKey' in answer) return answer.wrappedKey;
    throw unsealed(recipient, 'refused', {
      hint: 'make another one with `age-keygen` and name it under `cache.recovery`',
      cause: answer.refused,
    });
  }
}

async function sealed(task: SealingTask, timeoutMs: number): Promise<SealingAnswer> {
  const worker = new Worker(WORKER, { workerData: task, env: {}, stdout: true, stderr: true });
  const late = AbortSignal.timeout(timeoutMs);
  try {
    return await new Promise<SealingAnswer>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', (cause) => {
        reject(
          unsealed(task.recipient, 'absent', { hint: 'use the image as it is built; elsewhere: `npm ci`', cause }),
        );
      });
      late.addEventListener('abort', () => {
        reject(unsealed(task.recipient, 'timeout', { hint: 'see how busy the machine is: `uptime`', retry: 'later' }));
      });
    });
  } finally {
    await worker.terminate();
  }
}

function unsealed(
  recipient: string,
  reason: KeyFailure,
  init: { readonly hint: string; readonly retry?: 'later'; readonly cause?: unknown },
): PsiError {
  const what = reason === 'timeout' ? 'in time ' : '';
  return new PsiError('KEY_UNAVAILABLE', `nothing can be sealed ${what}for the recovery key ${recipient}`, {
    ...init,
    details: { reason },
  });
}

/** The same for several files, in order. Many of them have one key between them. */
export async function unwrapEachWithIdentities(
  identities: readonly SecretValue[],
  files: readonly (readonly Uint8Array[])[],
): Promise<readonly (SecretValue | undefined)[]> {
  const opened = new Map<string, SecretValue | undefined>();
  const found: (SecretValue | undefined)[] = [];
  for (const wrappedKeys of files) {
    const name = wrappedKeys.map((key) => Buffer.from(key).toString('base64')).join();
    if (!opened.has(name)) opened.set(name, await unwrapWithIdentities(identities, wrappedKeys));
    const dataKey = opened.get(name);
    // A copy: each is wiped by itself.
    found.push(dataKey && new SecretValue(Uint8Array.from(dataKey.expose())));
  }
  for (const dataKey of opened.values()) dataKey?.expose().fill(0);
  return found;
}

/** The data key, if one of the identities is for one of the sealed keys; undefined: none is. */
export async function unwrapWithIdentities(
  identities: readonly SecretValue[],
  wrappedKeys: readonly Uint8Array[],
): Promise<SecretValue | undefined> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  try {
    for (const identity of identities) decrypter.addIdentity(identity.exposeText());
  } catch {
    // Not as the cause: the package quotes what it was given.
    throw new PsiError('BAD_REQUEST', 'a private key of age is not as it was made: its checksum is wrong', {
      hint: 'give the file that `age-keygen` wrote; a key that was typed or copied by hand has a mistake',
    });
  }
  for (const wrappedKey of wrappedKeys) {
    const dataKey = await decrypter.decrypt(wrappedKey).catch(() => undefined);
    if (dataKey?.length === DATA_KEY_BYTES) return new SecretValue(dataKey);
  }
  return undefined;
}
