// What a command in a container printed, out of the frames in which Podman hands it over.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { streams } from '../../../../src/adapters/podman/exec.ts';

function frame(stream: number, text: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

test('each stream by itself, in order', () => {
  const body = Buffer.concat([frame(1, '{"a":'), frame(2, 'warning'), frame(1, ''), frame(1, '"ü"}'), frame(0, 'x')]);
  assert.deepEqual(streams(body), { stdout: '{"a":"ü"}', stderr: 'warning' });
  assert.deepEqual(streams(Buffer.alloc(0)), { stdout: '', stderr: '' });
});

test('a character that two frames share', () => {
  const [first, second] = [Buffer.from([0xc3]), Buffer.from([0xbc])].map((part) => {
    const head = frame(1, '');
    head.writeUInt32BE(1, 4);
    return Buffer.concat([head, part]);
  });
  assert.equal(streams(Buffer.concat([first ?? Buffer.alloc(0), second ?? Buffer.alloc(0)])).stdout, 'ü');
});

for (const length of [3, 9]) {
  test(`an answer that ends after ${String(length)} bytes of a frame`, () => {
    assert.throws(() => streams(frame(1, 'abc').subarray(0, length)), { code: 'HOST', message: /without its end/ });
  });
}
