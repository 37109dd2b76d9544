// Answers that no provider should give. Each is an attack or an accident that some client of HTTP or JSON fell for.

import { gzipSync, brotliCompressSync } from 'node:zlib';
import type { Socket } from 'node:net';
import type { Answer } from './hostile-server.ts';

const KEYS = ['K0', 'K1', 'K2', 'K3', 'K4', 'K5'];
const MIB = 1024 * 1024;

const item = (key: string, more: object = {}): object => ({
  secretKey: key,
  secretValue: `hostile ${key}`,
  type: 'shared',
  version: 1,
  secretPath: '/app',
  ...more,
});
const listOf = (...items: readonly unknown[]): string => JSON.stringify({ secrets: items, imports: [] });

function head(status: string, headers: readonly string[]): string {
  return `HTTP/1.1 ${status}\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;
}

/** A whole answer with a length that is right. */
function whole(body: string | Buffer, status = '200 OK', ...headers: readonly string[]): Answer {
  const bytes = Buffer.from(body as string);
  const lines = [
    `Content-Length: ${String(bytes.length)}`,
    ...(headers.some((line) => /^content-type/i.test(line)) ? [] : ['Content-Type: application/json']),
    ...headers,
  ];
  return (socket) => {
    socket.write(Buffer.concat([Buffer.from(head(status, lines), 'latin1'), bytes]));
  };
}

const raw =
  (text: string | Buffer, then: 'open' | 'end' = 'open'): Answer =>
  (socket) => {
    socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
    if (then === 'end') socket.end();
  };

/** Writes a piece again and again, as fast as it is taken. */
function endless(start: string, piece: string | Buffer): Answer {
  return (socket) => {
    socket.write(start);
    const more = (): void => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on('drain', more);
    more();
  };
}

/** A byte now and then. */
function drip(start: string, text: string, everyMs: number): Answer {
  return (socket: Socket) => {
    socket.write(start);
    let at = 0;
    const timer = setInterval(() => {
      socket.write(text[at % text.length] ?? ' ');
      at += 1;
    }, everyMs);
    socket.on('close', () => {
      clearInterval(timer);
    });
  };
}

const CHUNKED = head('200 OK', ['Content-Type: application/json', 'Transfer-Encoding: chunked']);
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const names = (count: number): readonly object[] =>
  Array.from({ length: count }, (_, index) => item(`N${String(index)}`));
const named = (key: string): Answer => whole(listOf(...KEYS.map((known) => item(known)), item(key)));
const refused = (status: string, message: unknown, ...headers: readonly string[]): Answer =>
  whole(
    JSON.stringify({ reqId: 'req-x', statusCode: Number.parseInt(status), message, error: 'Hostile' }),
    status,
    ...headers,
  );

const ANSWERS: Readonly<Record<string, () => Answer>> = {
  'a body without end': () => endless(CHUNKED, chunk('x'.repeat(64 * 1024))),
  'a list without end': () =>
    endless(CHUNKED + chunk('{"secrets":['), chunk(`${JSON.stringify(item('K'))},`.repeat(500))),
  'headers without end': () => endless('HTTP/1.1 200 OK\r\n', `X-${'a'.repeat(1000)}: b\r\n`),
  'one header without end': () => endless('HTTP/1.1 200 OK\r\nX-A: ', 'a'.repeat(4096)),
  'a gzip bomb': () => whole(gzipSync(Buffer.alloc(600 * MIB, 32)), '200 OK', 'Content-Encoding: gzip'),
  'a brotli bomb': () => whole(brotliCompressSync(Buffer.alloc(200 * MIB, 32)), '200 OK', 'Content-Encoding: br'),
  'gzip that is none': () => whole('not gzip', '200 OK', 'Content-Encoding: gzip'),
  'gzip that is cut': () => whole(gzipSync(listOf(item('K0'))).subarray(0, 40), '200 OK', 'Content-Encoding: gzip'),
  'a coding that nobody knows': () => whole(listOf(item('K0')), '200 OK', 'Content-Encoding: lzma'),
  'a length that is too great': () => raw(head('200 OK', ['Content-Length: 999999']) + listOf(item('K0')), 'end'),
  'a length beyond all numbers': () => raw(head('200 OK', ['Content-Length: 99999999999999999999']) + '{}'),
  'a length below nothing': () => raw(head('200 OK', ['Content-Length: -1']) + '{}'),
  'two lengths': () => raw(head('200 OK', ['Content-Length: 2', 'Content-Length: 300']) + '{}'),
  'chunks and a length': () => raw(head('200 OK', ['Content-Length: 2', 'Transfer-Encoding: chunked']) + '0\r\n\r\n'),
  'a chunk of no size': () => raw(`${CHUNKED}zz\r\n{}\r\n`),
  'a chunk beyond all sizes': () => raw(`${CHUNKED}fffffffffffffffff\r\n`),
  'a chunk that is cut': () => raw(`${CHUNKED}ff\r\n{}`, 'end'),
  'no status line': () => raw('hello\r\n\r\n', 'end'),
  'no HTTP': () => raw(Buffer.from([0x16, 0x03, 0x01, 0, 200, 1, 0, 0, 196, 3, 3]), 'end'),
  nothing: () => raw('', 'end'),
  silence: () => raw(''),
  'a status beyond all numbers': () => raw('HTTP/1.1 99999 Great\r\nContent-Length: 2\r\n\r\n{}'),
  'a go-ahead without end': () => endless('', 'HTTP/1.1 100 Continue\r\n\r\n'),
  'early hints without end': () => endless('', 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'),
  'another protocol': () => raw(head('101 Switching Protocols', ['Upgrade: websocket', 'Connection: Upgrade'])),
  'no content': () => raw(head('204 No Content', [])),
  'not modified': () => raw(head('304 Not Modified', [])),
  'a way to itself': () => whole('', '302 Found', 'Location: /api/v4/secrets'),
  'a way to the metadata of a cloud': () =>
    whole('', '307 Temporary Redirect', 'Location: http://169.254.169.254/latest/'),
  'a way to a file': () => whole('', '302 Found', 'Location: file:///etc/shadow'),
  'a way with a line end': () => whole('', '302 Found', 'Location: http://127.0.0.1:1/%0d%0aX: y'),
  'a drip of headers': () => drip('HTTP/1.1 200 OK\r\n', 'X-A: b\r\n', 50),
  'a drip of the body': () => drip(CHUNKED, '1\r\n{\r\n', 50),
  'a page': () => whole('<html><body>sign in</body></html>', '200 OK', 'Content-Type: text/html'),
  'no text at all': () => whole(Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0xa0])),
  'a byte order mark': () => whole(`\ufeff${listOf(item('K0'))}`),
  'half a pair': () => whole('{"secrets":[{"secretKey":"K0","secretValue":"\\ud800","type":"shared"}],"imports":[]}'),
  nesting: () => whole('['.repeat(2 * MIB)),
  'nesting of objects': () => whole('{"a":'.repeat(500_000)),
  'a number beyond all numbers': () => whole(`{"secrets":${'9'.repeat(MIB)}}`),
  'one key twice': () => whole('{"secrets":[],"secrets":[{"secretKey":"K0"}],"imports":[]}'),
  'a prototype': () => whole('{"__proto__":{"secrets":[]},"constructor":{"prototype":{"x":1}},"secrets":"x"}'),
  null: () => whole('null'),
  'a list of nulls': () => whole(listOf(...Array.from({ length: 1000 }, () => null))),
  'a text for a list': () => whole('{"secrets":"all of them","imports":{}}'),
  'values that are no text': () =>
    whole(listOf(item('K0', { secretValue: { $ne: null } }), item('K1', { secretValue: 7 }))),
  'other folders': () => whole(listOf(...KEYS.map((key) => item(key, { secretPath: '/other' })))),
  'a folder with escape characters': () => whole(listOf(item('K0', { secretPath: '/app\u001b]0;x\u0007' }))),
  'a folder above': () => whole(listOf(item('K0', { secretPath: '/app/../../etc' }))),
  'fifty thousand names': () => whole(listOf(...names(50_000))),
  'one name a hundred thousand times': () => whole(listOf(...Array.from({ length: 100_000 }, () => item('K0')))),
  'a name with line ends': () => named('X\n[Service]\nExecStart=/bin/evil'),
  'a name with escape characters': () => named('X\u001b[2J\u202e'),
  'a name of shell': () => named('$(reboot)'),
  'a name that is a path': () => named('../../../etc/cron.d/x'),
  'a name of a megabyte': () => named('A'.repeat(MIB)),
  'a value of 40 megabytes': () => whole(listOf(item('K0', { secretValue: 'v'.repeat(40 * MIB) }))),
  'imports of themselves': () =>
    whole(
      JSON.stringify({
        secrets: [],
        imports: Array.from({ length: 5000 }, () => ({
          secretPath: '/app',
          environment: 'prod',
          folderId: 'x',
          secrets: [item('K0')],
        })),
      }),
    ),
  'a wait of 115 days': () => refused('429 Too Many Requests', 'try again in 9999999 seconds', 'Retry-After: 9999999'),
  'a wait until the year 9999': () => refused('503 Unavailable', 'later', 'Retry-After: Fri, 31 Dec 9999 23:59:59 GMT'),
  'a wait beyond all numbers': () => refused('429 Too Many Requests', `try again in ${'9'.repeat(400)} seconds`),
  'a refusal with escape characters': () =>
    refused('403 Forbidden', '\u001b[2J\u001b]52;c;ZXZpbA==\u0007 \u202e denied'),
  'a refusal of 30 megabytes': () => refused('400 Bad Request', 'x'.repeat(30 * MIB)),
  'a refusal that is no text': () => refused('404 Not Found', { a: [[[]]] }),
};

/** Made when they are used: some take many megabytes. */
export const HOSTILE: readonly { readonly name: string; readonly make: () => Answer }[] = Object.entries(ANSWERS).map(
  ([name, make]) => ({ name, make }),
);
