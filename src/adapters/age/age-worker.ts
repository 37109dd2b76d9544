// Seals one key for one recovery key, in a thread of its own, and ends. Loading the package for it takes a tenth of a second, in which a
// lookup would wait; and what it needs of memory is given back.

import { parentPort, workerData } from 'node:worker_threads';
import { Encrypter } from 'age-encryption';

export type SealingTask = { readonly recipient: string; readonly dataKey: Uint8Array };

export type SealingAnswer = { readonly wrappedKey: Uint8Array } | { readonly refused: string };

async function answerTo({ recipient, dataKey }: SealingTask): Promise<SealingAnswer> {
  try {
    const encrypter = new Encrypter();
    encrypter.addRecipient(recipient);
    return { wrappedKey: await encrypter.encrypt(dataKey) };
  } catch (thrown) {
    return { refused: thrown instanceof Error ? thrown.message : 'unexpected error' };
  } finally {
    dataKey.fill(0);
  }
}

void answerTo(workerData as SealingTask).then((answer) => {
  parentPort?.postMessage(answer);
});
