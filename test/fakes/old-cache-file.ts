// Version 1 of the cache file, as PSI wrote it before there were recipients: PSI itself only reads it (docs/cache-format.md).

import { createCipheriv } from 'node:crypto';

import { encodeBundle, type CacheEntry } from '../../src/cache/bundle.ts';
import type { Backend } from '../../src/sealing/key-wrapper.ts';

export type OldFields = {
  readonly backend: Backend;
  readonly fileId: Uint8Array;
  readonly nonceField: Uint8Array;
  readonly writtenAt: number;
  readonly wrappedKey: Uint8Array;
};

export function oldFile(entries: readonly CacheEntry[], dataKey: Uint8Array, fields: OldFields): Buffer {
  const content = Buffer.concat([...encodeBundle(entries)]);
  const header = Buffer.alloc(48);
  header.write('PSIC');
  header.writeUInt16BE(1, 4);
  header.writeUInt8({ tpm: 1, hsm: 2, credential: 3 }[fields.backend], 6);
  header.set(fields.fileId, 8);
  header.set(fields.nonceField, 24);
  header.writeBigUInt64BE(BigInt(fields.writtenAt), 32);
  header.writeUInt32BE(fields.wrappedKey.length, 40);
  header.writeUInt32BE(content.length, 44);
  const front = Buffer.concat([header, fields.wrappedKey]);
  const headerTag = sealed(dataKey, nonce(fields.nonceField, 0), front, Buffer.alloc(0));
  const authenticated = Buffer.concat([front, headerTag]);
  return Buffer.concat([
    authenticated,
    fields.fileId,
    sealed(dataKey, nonce(fields.nonceField, 1), authenticated, content),
  ]);
}

function sealed(key: Uint8Array, nonceBytes: Uint8Array, associated: Uint8Array, content: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonceBytes, { authTagLength: 16 });
  cipher.setAAD(associated);
  return Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

function nonce(field: Uint8Array, use: number): Buffer {
  return Buffer.concat([field, Buffer.of(0, 0, 0, use)]);
}
