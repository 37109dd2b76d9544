// The frozen commands, run by the real `sh` and `curl` as Podman runs them, against a small server on a Unix socket.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { driverMaxTimeSeconds, driverOptions, isPsiOptions } from '../../src/registration/driver-command/options.ts';

const ID = 'd0a530acce22815a7778d156f';
const BINARY = Buffer.from([0, 255, 10, 13, 34, 39, 36, 10, 10]);
const LARGE = Buffer.from('0123456789abcdef'.repeat(3840) + '\n');
const HINT = 'the provider is not reachable since 10:02: see `psi status` 100% "now"';

type Seen = { method: string; url: string; authorization: string | undefined; body: Buffer };
type Ran = { code: number | null; stdout: Buffer; stderr: string };

function run(command: string, id: string, stdin = ''): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', command], { env: { PATH: process.env['PATH'], SECRET_ID: id } });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() });
    });
    // A command that failed before it read its input has closed the pipe.
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
  });
}

describe('driver commands', () => {
  let dir: string;
  let server: Server;
  let seen: Seen[] = [];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "psi $driver's-"));
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        seen.push({ method, url, authorization: headers.authorization, body: Buffer.concat(chunks) });
        answer(request, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(join(dir, 'psi.sock'), resolve));
  });

  after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(dir, { recursive: true });
  });

  const commands = (change: { socket?: string; maxTimeSeconds?: number; headerFile?: string } = {}) => {
    seen = [];
    const socket = join(dir, change.socket ?? 'psi.sock');
    return driverOptions({ socket, maxTimeSeconds: change.maxTimeSeconds ?? 20, headerFile: change.headerFile });
  };
  const serve = (body: Buffer | string) => {
    answer = (_request, response) => response.end(body);
  };

  for (const [what, value] of [
    ['a binary', BINARY],
    ['a 60 KB', LARGE],
    ['an empty', Buffer.alloc(0)],
  ] as const) {
    it(`prints ${what} value byte for byte and nothing else`, async () => {
      serve(value);
      const { code, stdout, stderr } = await run(commands().lookup, ID);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.ok(stdout.equals(value));
      assert.deepEqual(seen[0], {
        method: 'GET',
        url: `/lookup/${ID}`,
        authorization: undefined,
        body: Buffer.alloc(0),
      });
    });
  }

  it('prints one line with the hint of psi when the lookup is refused', async () => {
    answer = (_request, response) => response.writeHead(503, { 'psi-hint': HINT }).end('{"not":"a value"}');
    const { code, stdout, stderr } = await run(commands().lookup, ID);
    assert.equal(code, 22);
    assert.equal(stdout.length, 0);
    assert.match(
      stderr,
      /^psi: the provider is not reachable since 10:02: see `psi status` 100% "now" \(lookup failed: [^\n]*503[^\n]*\)\n$/,
    );
  });

  it('prints one line when nobody listens, the answer is cut short, or it takes too long', async () => {
    answer = (request) => request.socket.destroy();
    const cut = await run(commands().lookup, ID);
    answer = () => undefined;
    const slow = await run(commands({ maxTimeSeconds: 0.2 }).lookup, ID);
    const absent = await run(commands({ socket: 'absent.sock' }).lookup, ID);
    assert.deepEqual([cut.code, slow.code, absent.code], [52, 28, 7]);
    for (const { stdout, stderr } of [cut, slow, absent]) {
      assert.equal(stdout.length, 0);
      assert.match(stderr, /^psi: [^\n]*lookup failed: [^\n]+; more in the journal of psi.service\)\n$/);
    }
  });

  it('stores what stands on stdin byte for byte and prints nothing', async () => {
    serve('');
    const { code, stdout, stderr } = await run(commands().store, ID, '{"a":"ü\\n"}\n\n');
    assert.deepEqual({ code, stdout: stdout.length, stderr }, { code: 0, stdout: 0, stderr: '' });
    assert.equal(seen[0]?.method, 'POST');
    assert.equal(seen[0].url, `/store/${ID}`);
    assert.equal(seen[0].body.toString(), '{"a":"ü\\n"}\n\n');
  });

  it('deletes by id, and asks with an empty id when Podman gives none', async () => {
    serve('');
    const command = commands().delete;
    await run(command, ID);
    assert.deepEqual([seen[0]?.method, seen[0]?.url], ['DELETE', `/delete/${ID}`]);
    answer = (_request, response) => response.writeHead(400, { 'psi-hint': 'the id is empty' }).end();
    const { code, stderr } = await run(command, '');
    assert.equal(seen[1]?.url, '/delete/');
    assert.equal(code, 22);
    assert.match(stderr, /^psi: the id is empty \(delete failed/);
  });

  it('lists', async () => {
    serve(`${ID}\n`);
    const { stdout } = await run(commands().list, '');
    assert.equal(stdout.toString(), `${ID}\n`);
    assert.equal(seen[0]?.url, '/list');
  });

  it('sends the token of the header file as it is when the command runs, and never holds it', async () => {
    serve('value');
    const headerFile = join(dir, "it's $a.hdr");
    const { lookup } = commands({ headerFile });
    await writeFile(headerFile, 'Authorization: Bearer first\n');
    await run(lookup, ID);
    await writeFile(headerFile, 'Authorization: Bearer second\n');
    await run(lookup, ID);
    assert.deepEqual(
      seen.map((request) => request.authorization),
      ['Bearer first', 'Bearer second'],
    );
  });

  it('fails with a line of its own when the header file is missing', async () => {
    // curl 7 asks without the token then, and psi answers 401; curl 8 does not ask at all.
    answer = (_request, response) => response.writeHead(401, { 'psi-hint': 'run psi install' }).end();
    const { code, stdout, stderr } = await run(commands({ headerFile: join(dir, 'absent.hdr') }).lookup, ID);
    assert.ok(code === 22 || code === 26);
    assert.equal(stdout.length, 0);
    assert.match(stderr, /psi: run psi install \(lookup failed|option -H: /);
  });

  it('refuses a path with a line end', () => {
    assert.throws(() => driverOptions({ socket: '/run/a\nb', maxTimeSeconds: 20, headerFile: undefined }), {
      code: 'CONFIG_INVALID',
    });
  });

  it('leaves an ordinary command easy to read', () => {
    const { lookup, list } = driverOptions({
      socket: '/run/psi/psi.sock',
      maxTimeSeconds: 20,
      headerFile: '/var/lib/psi/driver.hdr',
    });
    assert.equal(
      lookup,
      'curl -q -sf --max-time 20 --unix-socket /run/psi/psi.sock -H @/var/lib/psi/driver.hdr ' +
        "-w '%{onerror}%{stderr}psi: %header{psi-hint} (lookup failed: %{errormsg}; more in the journal of psi.service)\\n' " +
        '"http://localhost/lookup/$SECRET_ID"',
    );
    assert.match(list, / http:\/\/localhost\/list$/);
  });
});

describe('time limit of curl', () => {
  it('leaves 15 s for the start of psi and is never under 20 s', () => {
    assert.deepEqual([0, 5000, 5001, 30_000].map(driverMaxTimeSeconds), [20, 20, 21, 45]);
  });
});

describe('isPsiOptions', () => {
  it('knows its own commands, whatever socket and token file they name', () => {
    assert.ok(isPsiOptions(driverOptions({ socket: '/a b', maxTimeSeconds: 1, headerFile: "/it's" })));
    assert.ok(isPsiOptions(driverOptions({ socket: '/run/psi/psi.sock', maxTimeSeconds: 20, headerFile: undefined })));
  });

  it('knows the commands of the Python PSI', () => {
    const python = (verb: string) => `curl -sf --unix-socket /run/psi/psi.sock http://localhost/${verb}/$SECRET_ID`;
    assert.ok(isPsiOptions({ lookup: python('lookup'), store: `${python('store')} -d @-`, delete: 'x', list: 'y' }));
  });

  it('takes nothing else for PSI', () => {
    const ours = driverOptions({ socket: '/s', maxTimeSeconds: 20, headerFile: undefined });
    assert.equal(isPsiOptions({}), false);
    assert.equal(isPsiOptions({ path: '/var/lib/x' }), false);
    assert.equal(isPsiOptions({ ...ours, lookup: 'cat /x/$SECRET_ID' }), false);
    assert.equal(isPsiOptions({ ...ours, store: 'true' }), false);
    assert.equal(isPsiOptions({ ...ours, lookup: 'curl http://localhost/lookup/$SECRET_ID' }), false);
  });
});
