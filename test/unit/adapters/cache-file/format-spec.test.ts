// The published vectors read by docs/cache-format.md alone, with nothing of PSI's: what the page says is what the files are.

import assert from 'node:assert/strict';
import { createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import { test } from 'node:test';

import vectors from '../../../../docs/cache-format.vectors.json' with { type: 'json' };

const KINDS: Readonly<Record<number, string>> = { 1: 'tpm', 2: 'hsm', 3: 'credential', 4: 'recovery' };

const keyFor = (dataKey: Buffer, use: string): Buffer =>
  Buffer.from(hkdfSync('sha256', dataKey, Buffer.alloc(0), `psi envelope ${use} 2`, 32));

function stanzasIn(bytes: Buffer, fileId: string): readonly object[] {
  const found: object[] = [];
  for (let at = 0; at < bytes.length;) {
    const [kind = 0, number, of, P = 0] = bytes.subarray(at);
    const W = bytes.readUInt16BE(at + 4);
    assert.equal(bytes.subarray(at + 6, at + 22).toString('hex'), fileId);
    const parameters = bytes.subarray(at + 22, at + 22 + P).toString('ascii');
    const wrappedKey = bytes.subarray(at + 22 + P, at + 22 + P + W).toString('hex');
    found.push({ number, of, kind: KINDS[kind], parameters, wrappedKey });
    at += 22 + P + W;
  }
  return found;
}

function entriesIn(content: Buffer): readonly object[] {
  const entries: object[] = [];
  let at = 4;
  for (let left = content.readUInt32BE(0); left > 0; left -= 1) {
    const M = content.readUInt32BE(at);
    const mapping = JSON.parse(content.subarray(at + 4, at + 4 + M).toString('utf8')) as object;
    at += 4 + M;
    const V = content.readUInt32BE(at + 13);
    const value = content.subarray(at + 17, at + 17 + V).toString('hex');
    const fetchedAt = Number(content.readBigUInt64BE(at));
    entries.push({
      ...mapping,
      fetchedAt,
      version: content.readUInt32BE(at + 8),
      literal: content[at + 12] === 1,
      value,
    });
    at += 17 + V;
  }
  assert.equal(at, content.length);
  return entries;
}

for (const vector of vectors.vectors) {
  test(`the vector "${vector.name}" is what the page says`, () => {
    const file = Buffer.from(vector.file, 'hex');
    const dataKey = Buffer.from(vector.dataKey, 'hex');
    const [S, C] = [file.readUInt32BE(44), file.readUInt32BE(48)];
    assert.equal(file.subarray(0, 4).toString('ascii'), 'PSIC');
    assert.deepEqual([file.readUInt16BE(4), file[6], file[7]], [2, 0, vector.stanzas.length]);
    assert.equal(file.subarray(8, 24).toString('hex'), vector.fileId);
    assert.equal(file.subarray(24, 36).toString('hex'), vector.nonce);
    assert.equal(Number(file.readBigUInt64BE(36)), vector.writtenAt);
    const expected = vector.stanzas.map((one, index) => ({ number: index + 1, of: vector.stanzas.length, ...one }));
    assert.deepEqual(stanzasIn(file.subarray(52, 52 + S), vector.fileId), expected);
    const mac = createHmac('sha256', keyFor(dataKey, 'header')).update(file.subarray(0, 52 + S));
    assert.deepEqual(file.subarray(52 + S, 84 + S), mac.digest());
    assert.equal(file.subarray(84 + S, 100 + S).toString('hex'), vector.fileId);
    const decipher = createDecipheriv('aes-256-gcm', keyFor(dataKey, 'content'), file.subarray(24, 36), {
      authTagLength: 16,
    });
    decipher.setAAD(file.subarray(0, 84 + S));
    decipher.setAuthTag(file.subarray(100 + S + C));
    const content = Buffer.concat([decipher.update(file.subarray(100 + S, 100 + S + C)), decipher.final()]);
    assert.equal(file.length, 116 + S + C);
    const entries = vector.entries.map((entry) => ({ ...entry, version: entry.version ?? 0 }));
    assert.deepEqual(entriesIn(content), entries);
  });
}
