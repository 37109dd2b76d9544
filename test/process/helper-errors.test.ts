// What the lookup helper and the driver's command with curl make of the same servers, of which none does as it should: the same lines for the
// journal, statuses that mean the same, and of the helper never a part of a value.

import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test, type TestContext } from 'node:test';
import { lookupCommand } from '../../src/registration/driver-command/lookup-command.ts';
import { NO_HELPER, runDriverCommand, socketOfNobody, type Ran } from '../hosts/driver-command.ts';
import { builtHelper, runHelper, sanitizedHelper, serveRaw, type Program, type Serve } from '../hosts/lookup-helper.ts';

/** packages/psi-lookup/src/psi-lookup.h, by what curl ends with. */
const STATUS: Readonly<Record<number, number>> = {
  ...{ 0: 90, 22: 91, 7: 92, 28: 93, 26: 95, 23: 96 },
  ...{ 1: 94, 8: 94, 18: 94, 27: 94, 52: 94, 55: 94, 56: 94 },
};

type Case = {
  readonly name: string;
  readonly serve: Serve | 'nobody' | 'no socket' | 'a file';
  /** What both end with, as curl numbers it. */
  readonly end: number;
  /** Where curl is worse: what it ends with. */
  readonly curl?: number;
  /** What both print; none where both fail. */
  readonly value?: string | Buffer;
  /** Line of the helper where curl has none that is right, or prints a terminal's control sequence. */
  readonly line?: string;
  /** The call lasts as long as it may. */
  readonly slow?: true;
};

const ok = (body: string, length: number | string = body.length): string =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${String(length)}\r\npsi-source: cache\r\n\r\n${body}`;
const refusal = (type: string, more = 'content-length: 0\r\n\r\n'): string =>
  `HTTP/1.1 404 Not Found\r\npsi-code: NOT_FOUND\r\ncontent-type: ${type}\r\n${more}`;
const ends =
  (bytes: string | Buffer): Serve =>
  (socket) =>
    socket.end(bytes, 'latin1');
const stays =
  (bytes: string): Serve =>
  (socket) =>
    socket.write(bytes, 'latin1');
const inPieces =
  (bytes: string, everyMs = 5): Serve =>
  (socket) => {
    const pieces = bytes.split('');
    const timer = setInterval(() => {
      const piece = pieces.shift();
      if (piece === undefined) socket.end();
      else socket.write(piece, 'latin1');
    }, everyMs);
    socket.on('close', () => {
      clearInterval(timer);
    });
  };

const BINARY = Buffer.from([0, 255, 10, 13, 13, 10, 0, 128, 37]);
const LARGE = 'x'.repeat(60_000);
const GONE = 'psi: app--A: the key A is gone; hint: set it';

const CASES: readonly Case[] = [
  { name: 'a value', serve: ends(ok('value')), end: 0, value: 'value' },
  { name: 'an empty value', serve: ends(ok('')), end: 0, value: '' },
  { name: 'a value with bytes of all kinds', serve: ends(ok(BINARY.toString('latin1'))), end: 0, value: BINARY },
  { name: 'a value of 60 KB', serve: ends(ok(LARGE)), end: 0, value: LARGE },
  { name: 'a value of 500 KB', serve: ends(ok(LARGE.repeat(8))), end: 0, value: LARGE.repeat(8) },
  { name: 'a value byte by byte', serve: inPieces(ok('value')), end: 0, value: 'value' },
  { name: 'a value, and the connection stays', serve: stays(ok('value')), end: 0, value: 'value' },
  { name: 'a value, and more than its length', serve: ends(ok('value and more', 5)), end: 0, value: 'value' },
  { name: 'a head of single line feeds', serve: ends(ok('value').replaceAll('\r', '')), end: 0, value: 'value' },
  { name: 'the same length twice', serve: ends(ok('value', '5\r\ncontent-length: 5')), end: 0, value: 'value' },
  { name: '100 before it', serve: ends(`HTTP/1.1 100 Continue\r\n\r\n${ok('value')}`), end: 0, value: 'value' },

  { name: 'no socket', serve: 'no socket', end: 7 },
  { name: 'a file in the place of the socket', serve: 'a file', end: 7 },
  { name: 'a socket of nobody', serve: 'nobody', end: 7, slow: true },

  { name: 'a refusal', serve: ends(refusal(GONE)), end: 22 },
  { name: 'a refusal byte by byte', serve: inPieces(refusal(GONE), 2), end: 22 },
  { name: 'a refusal, and the connection stays', serve: stays(refusal(GONE)), end: 22 },
  { name: 'a refusal with a body', serve: ends(refusal(GONE, 'content-length: 4\r\n\r\nbody')), end: 22 },
  { name: 'a refusal with a body that is cut', serve: ends(refusal(GONE, 'content-length: 40\r\n\r\nbody')), end: 22 },
  { name: 'a refusal without a length', serve: ends(refusal(GONE, '\r\n')), end: 22 },
  {
    name: 'a refusal in chunks',
    serve: ends(refusal(GONE, 'transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n')),
    end: 22,
  },
  {
    name: 'a refusal without a reason',
    serve: ends('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n'),
    end: 22,
    line: 'psi: refused without a reason (HTTP status 503)',
  },
  {
    name: 'a refusal that would write to the terminal',
    serve: ends(refusal('psi: \u001b[2Jgone \u009b1m\u0007')),
    end: 22,
    line: 'psi: ?[2Jgone ?1m?',
  },
  {
    name: 'a refusal longer than any',
    serve: ends(refusal(`psi: ${'long '.repeat(1000)}`)),
    end: 22,
    line: `psi: ${'long '.repeat(1000)}`.slice(0, 600),
  },
  { name: 'a refusal that is cut after its first line', serve: ends('HTTP/1.1 404 Not Found\r\n'), end: 18, curl: 0 },
  { name: 'a refusal that is cut in its head', serve: ends(refusal(GONE, '')), end: 18, curl: 0 },

  { name: 'no answer', serve: () => undefined, end: 28, slow: true },
  { name: 'half a head, and no more', serve: stays('HTTP/1.1 200 OK\r\ncontent-le'), end: 28, slow: true },
  { name: 'half a value, and no more', serve: stays(ok('val', 5)), end: 28, slow: true },
  { name: 'a value that never ends', serve: inPieces(ok('x'.repeat(5000)), 10), end: 28, slow: true },

  { name: 'hung up on', serve: ends(''), end: 52 },
  { name: 'cut in the first word', serve: ends('HTT'), end: 52 },
  { name: 'cut in the first line', serve: ends('HTTP/1.1 200'), end: 52 },
  { name: 'cut in the head', serve: ends('HTTP/1.1 200 OK\r\ncontent-le'), end: 18, curl: 0 },
  { name: 'cut before the end of the head', serve: ends('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n'), end: 18 },
  { name: 'cut before the value', serve: ends(ok('', 5)), end: 18 },
  { name: 'cut in the value', serve: ends(ok('val', 5)), end: 18 },
  { name: 'cut before the last byte of 60 KB', serve: ends(ok(LARGE, LARGE.length + 1)), end: 18 },

  { name: 'another protocol', serve: ends('220 mail.example.com\r\n'), end: 1 },
  { name: 'another protocol, and the connection stays', serve: stays('220 mail.example.com\r\n'), end: 1 },
  { name: 'zeros', serve: ends(Buffer.alloc(100)), end: 1 },
  { name: 'a zero in the head', serve: ends(ok('value').replace('cache', 'ca\0he')), end: 8 },
  { name: 'a line of the head without a name', serve: ends(ok('value').replace(': cache', '')), end: 8 },
  { name: 'a status of two digits', serve: ends(ok('value').replace('200', '99')), end: 1 },
  { name: 'a status of letters', serve: ends(ok('value').replace('200', 'abc')), end: 1 },
  { name: 'a length below zero', serve: ends(ok('value', -5)), end: 8 },
  { name: 'a length of letters', serve: ends(ok('value', 'five')), end: 8 },
  { name: 'a head line of 400 KB', serve: ends(ok('value', `5\r\nx: ${'a'.repeat(400_000)}`)), end: 27 },
  { name: 'a head of 400 KB', serve: ends(ok('value', `5${'\r\nx: abcdefg'.repeat(40_000)}`)), end: 56 },

  // An answer whose end nobody can know, or that is no value: curl gives it to the container.
  { name: 'no length', serve: ends('HTTP/1.1 200 OK\r\n\r\nvalue'), end: 8, curl: 0 },
  { name: 'two lengths', serve: ends(ok('value', '5\r\ncontent-length: 3')), end: 8, curl: 0 },
  { name: 'a length beyond numbers', serve: ends(ok('value', '99999999999999999999999')), end: 8, curl: 0 },
  { name: 'a redirection', serve: ends(ok('value').replace('200 OK', '302 Found')), end: 8, curl: 0 },
  { name: 'no content', serve: ends('HTTP/1.1 204 No Content\r\n\r\n'), end: 8, curl: 0 },
  { name: 'another protocol from here on', serve: ends('HTTP/1.1 101 Switch\r\n\r\nvalue'), end: 8, curl: 0 },
  {
    name: 'chunks',
    serve: ends('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nvalue\r\n0\r\n\r\n'),
    end: 8,
    curl: 0,
  },
  {
    name: 'chunks that are cut',
    serve: ends('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nval'),
    end: 18,
  },
];

const dir = await mkdtemp(join(tmpdir(), 'psi-helper-'));
after(() => rm(dir, { recursive: true, force: true }));
const helper = await builtHelper();
const sanitized = await sanitizedHelper(dir);
const lacks = (program: Program): string | false => (program.ok ? false : program.reason);

/** The path of a socket with what the case is about behind it. */
async function place(t: TestContext, { serve }: Case): Promise<string> {
  const path = join(await mkdtemp(join(dir, 's-')), 'psi.sock');
  if (serve === 'a file') await writeFile(path, '');
  else if (serve === 'nobody') await socketOfNobody(path);
  else if (serve !== 'no socket') await serveRaw(t, path, serve);
  return path;
}

/** Long enough for a machine that is busy, and short where the end of the wait is what the case is about. */
const seconds = ({ slow }: Case): number => (slow === true ? 1 : 20);

const ask = (program: Program, socket: string, one: Case): Promise<Ran> => {
  const args = ['lookup', '--socket', socket, '--max-time', String(seconds(one))];
  return runHelper([...(program.ok ? program.argv : []), ...args]);
};

/** The cause: what stands before the number, which tells more than the two have to agree in. */
const cause = ({ stderr }: Ran): string => stderr.split(' (lookup failed, status ')[0] ?? '';

function check(one: Case, ran: Ran): void {
  assert.equal(ran.code, STATUS[one.end], ran.stderr);
  assert.deepEqual(ran.stdout, one.value === undefined ? Buffer.alloc(0) : Buffer.from(one.value));
  if (one.end === 0) assert.equal(ran.stderr, '');
  else assert.match(ran.stderr, /^[ -~]+ \(lookup failed, status \d+; more: journalctl -u psi\.service\)\n$/);
}

describe('the same servers', { concurrency: 4 }, () => {
  for (const one of CASES) {
    test(`${one.name}: the helper and curl`, { skip: lacks(helper) }, async (t) => {
      const socket = await place(t, one);
      const command = lookupCommand({ socket, maxTimeSeconds: seconds(one), headerFile: undefined, helper: NO_HELPER });
      const [curl, own] = await Promise.all([runDriverCommand(command, { id: 'abc' }), ask(helper, socket, one)]);
      check(one, own);
      if (one.curl !== undefined) {
        assert.equal(curl.code, one.curl, 'curl is better than it was: then the case is no exception');
      } else {
        assert.equal(STATUS[curl.code ?? -1], own.code, `curl ended with ${String(curl.code)}: ${curl.stderr}`);
        assert.equal(cause(own), one.line ?? cause(curl));
        if (one.end === 0) assert.deepEqual(own.stdout, curl.stdout);
      }
    });
  }
});

describe('the same servers, under sanitizers', { concurrency: 4 }, () => {
  for (const one of CASES) {
    test(`${one.name}: the helper under sanitizers`, { skip: lacks(sanitized) }, async (t) => {
      check(one, await ask(sanitized, await place(t, one), one));
    });
  }
});

test('one without the right to the socket hears the same from both', { skip: lacks(helper) }, async (t) => {
  const one: Case = { name: '', serve: ends(ok('value')), end: 7 };
  const socket = await place(t, one);
  await chmod(socket, 0);
  // Root may write to every socket; without this right it is the owner like any other.
  const argv = helper.ok ? ['setpriv', '--bounding-set=-dac_override', ...helper.argv] : [];
  const own = await ask({ ok: true, argv }, socket, one);
  check(one, own);
  assert.equal(cause(own), `psi: no right to write to ${socket}: run systemctl restart psi.socket`);
});

test('an answer that is larger than any value is left to curl', { skip: lacks(helper) }, async (t) => {
  const one: Case = { name: '', serve: ends(ok('x'.repeat(1024 * 1024 + 1))), end: 63 };
  const own = await ask(helper, await place(t, one), one);
  assert.deepEqual([own.code, own.stdout.length], [65, 0]);
  assert.equal(own.stderr, 'psi: the answer is larger than 1048576 bytes: left to curl\n');
});

test('the line of a user’s own PSI names the units of that user', { skip: lacks(helper) }, async () => {
  const socket = '/run/user/4294967294/psi/psi.sock';
  const own = await ask(helper, socket, { name: '', serve: 'no socket', end: 7 });
  const command = lookupCommand({ socket, maxTimeSeconds: 1, headerFile: undefined, helper: NO_HELPER });
  assert.equal(own.stderr, (await runDriverCommand(command, { id: 'abc' })).stderr);
  assert.match(own.stderr, /: run systemctl --user restart psi\.socket \(.+journalctl --user -u psi\.service\)\n$/);
});
