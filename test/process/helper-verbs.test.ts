// The lookup helper in the place of curl: all that Podman's driver asks of PSI, what it sends, and how it takes its arguments.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import type { DriverFace } from '../fakes/podman.fake.ts';
import { runDriverCommand, type Ran } from '../hosts/driver-command.ts';
import { builtHelper, runHelper, serveRaw, type HelperRun } from '../hosts/lookup-helper.ts';
import { stage, type Observed } from './observed/stage.ts';

const VALUE = ' two lines \\n "quoted" $HOME `x` ü \u0001\nwith a line end\n\n';
const TOKEN = 'canary-socket-token';

const helper = await builtHelper();
const skip = helper.ok ? false : helper.reason;
const program = helper.ok ? helper.argv : [];
const dir = await mkdtemp(join(tmpdir(), 'psi-helper-'));
after(() => rm(dir, { recursive: true, force: true }));

type Host = {
  readonly it: Observed;
  readonly headerFile: string;
  readonly run: (verb: string, id: string, more?: HelperRun) => Promise<Ran>;
};

/** PSI asks for a token, and each command of the driver is the helper. */
async function host(t: TestContext): Promise<Host> {
  const driver: DriverFace = {
    store: async (id, body) => {
      assertDone(await stood.run('store', id, { stdin: body }));
    },
    delete: async (id) => {
      assertDone(await stood.run('delete', id));
    },
  };
  const it = await stage(t, { folders: { '/app': { A: VALUE } }, config: { socket_token: TOKEN }, driver });
  const headerFile = join(it.psi.stateDir, 'driver.hdr');
  const stood: Host = {
    it,
    headerFile,
    run: (verb, id, more) =>
      runHelper([...program, verb, '--socket', it.psi.socket, '--header', headerFile], { id, ...more }),
  };
  await it.registered();
  return stood;
}

function assertDone(ran: Ran, stdout = ''): void {
  assert.deepEqual([ran.code, ran.stdout.toString(), ran.stderr], [90, stdout, '']);
}

function assertRefused(ran: Ran, reason: RegExp): void {
  assert.deepEqual([ran.code, ran.stdout.length], [91, 0], ran.stderr);
  assert.match(ran.stderr, reason);
}

test(
  'PSI itself: a secret is registered, looked up, listed and removed; and once PSI has stopped, what to look at',
  { skip },
  async (t) => {
    const { it, run } = await host(t);
    const [secret] = await it.podman.list();
    assert.ok(secret);
    assertDone(await run('lookup', secret.id), VALUE);
    assertDone(await run('list', ''), `${secret.id}\n`);
    const health = await run('health', '');
    assert.deepEqual([health.code, health.stderr], [0, '']);
    assert.equal((JSON.parse(health.stdout.toString()) as { status: string }).status, 'ok');
    assertDone(await run('delete', secret.id));
    assertDone(await run('list', ''));
    await it.psi.stop();
    for (const verb of ['lookup', 'store', 'delete', 'list']) {
      const { code, stdout, stderr } = await run(verb, 'abc');
      assert.deepEqual([code, stdout.length], [92, 0]);
      assert.match(
        stderr,
        new RegExp(`^psi: there is no socket at \\S+: run systemctl restart psi\\.socket \\(${verb} failed, status 7;`),
      );
    }
    assert.equal((await run('health', '')).code, 1);
  },
);

test('PSI itself: what it refuses is told as curl tells it', { skip }, async (t) => {
  const { it, run, headerFile } = await host(t);
  const [secret] = await it.podman.list();
  assert.ok(secret);
  it.remove('/app', 'A');
  assertRefused(await run('lookup', secret.id), /^psi: app--A: /);
  const own = await run('lookup', 'unknown');
  const curl = await runDriverCommand(secret.options['lookup'] ?? '', { id: 'unknown' });
  assertRefused(own, /^psi: psi holds no mapping for the secret id unknown; hint: /);
  assert.equal(own.stderr, curl.stderr);
  for (const id of ['', '../../x y', 'a\r\nb: c', 'ü%']) {
    for (const verb of ['lookup', 'delete']) assertRefused(await run(verb, id), /^psi: this is no secret id/);
  }
  assertRefused(await run('store', 'abc', { stdin: 'a value' }), /^psi: the body is no mapping written by psi/);
  assertRefused(await run('store', 'abc', { stdin: 'x'.repeat(20_000) }), /^psi: the body is larger than any mapping/);
  assertRefused(await run('store', 'abc', { stdin: 'x'.repeat(900_000) }), /^psi: the body is larger than any mapping/);
  await writeFile(headerFile, 'Authorization: Bearer another\n');
  assertRefused(
    await run('lookup', secret.id),
    /^psi: app--A: the socket token is missing or wrong; hint: run `podman exec/,
  );
  await rename(headerFile, `${headerFile}.away`);
  const unread = await run('lookup', secret.id);
  assert.deepEqual([unread.code, unread.stdout.length], [95, 0]);
  assert.match(
    unread.stderr,
    /^psi: cannot read \S+\/driver\.hdr: run podman exec psi psi setup \(lookup failed, status 26; /,
  );
});

/** The bytes of the request, of a server that knows every answer. */
async function requestOf(t: TestContext, args: readonly string[], more: HelperRun): Promise<string> {
  const path = join(await mkdtemp(join(dir, 's-')), 'psi.sock');
  let heard = '';
  await serveRaw(t, path, (socket, request) => {
    heard = request;
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  });
  const [verb = '', ...options] = args;
  assertDone(await runHelper([...program, verb, '--socket', path, ...options], more));
  return heard;
}

const head = (line: string, more = ''): RegExp =>
  new RegExp(
    `^${line.replaceAll(/[.+?]/g, '\\$&')} HTTP/1\\.1\r\nHost: localhost\r\nConnection: close\r\nUser-Agent: psi-lookup/\\S+\r\n` +
      `X-Psi-Command: psi-lookup\r\n${more}\r\n$`,
  );

test('what is sent: one request that no id can end', { skip }, async (t) => {
  assert.match(await requestOf(t, ['lookup'], { id: 'a1B2' }), head('GET /lookup/a1B2'));
  assert.match(await requestOf(t, ['delete'], { id: 'abc' }), head('DELETE /delete/abc'));
  assert.match(await requestOf(t, ['list'], { id: 'abc' }), head('GET /list'));
  const hostile = 'a /?#%\r\nx: y';
  assert.match(await requestOf(t, ['lookup'], { id: hostile }), head('GET /lookup/a%20%2F%3F%23%25%0D%0Ax%3A%20y'));
  const stored = await requestOf(t, ['store'], { stdin: '{"a":1}\n' });
  assert.match(stored.slice(0, -8), head('POST /store/abc', 'Content-Length: 8\r\n'));
  assert.equal(stored.slice(-8), '{"a":1}\n');
});

test(
  'the header file: its lines with a name and a value, and nothing that is no line of a head',
  { skip },
  async (t) => {
    const file = join(dir, 'driver.hdr');
    const sent = async (text: string): Promise<string> => {
      await writeFile(file, text);
      const request = await requestOf(t, ['lookup', '--header', file], {});
      return /X-Psi-Command: psi-lookup\r\n([^]*)\r\n$/.exec(request)?.[1] ?? 'no head';
    };
    const line = 'Authorization: Bearer a=b\r\n';
    for (const text of [
      'Authorization: Bearer a=b\n',
      line,
      'Authorization: Bearer a=b',
      `\n${line}\r\nnonsense\nX:\n`,
    ]) {
      assert.equal(await sent(text), line);
    }
    assert.equal(await sent(''), '');
    const path = join(await mkdtemp(join(dir, 's-')), 'psi.sock');
    await serveRaw(t, path, (socket) => socket.end());
    const folder = join(dir, 'folder');
    await mkdir(folder);
    for (const [name, text] of [
      ['zero', 'Authorization: a\0b\n'],
      ['return', 'Authorization: a\rX: b\n'],
      ['long', `Authorization: ${'a'.repeat(9000)}\n`],
    ] as const) {
      await writeFile(join(dir, name), text);
      const { code, stderr } = await runHelper([...program, 'lookup', '--socket', path, '--header', join(dir, name)]);
      assert.equal(code, 95);
      assert.match(stderr, /^psi: cannot read /);
    }
    const unread = await runHelper([...program, 'lookup', '--socket', path, '--header', folder]);
    assert.equal(unread.code, 95);
  },
);

test('arguments that are none are said, with a status that leaves the lookup to curl', { skip }, async () => {
  const wrong: readonly (readonly string[])[] = [
    [],
    ['look'],
    ['lookup', '--socket'],
    ['lookup', '--what', 'x'],
    ['lookup', '--max-time', '0'],
    ['lookup', '--max-time', '3601'],
    ['lookup', '--max-time', '1s'],
    ['lookup', '--errors-to', '0'],
    ['lookup', '--errors-to', '10'],
    ['lookup', '--begun', '0'],
    ['lookup', '--begun', '10'],
    ['lookup', '--socket', `/${'a'.repeat(107)}`],
    ['--version', 'x'],
  ];
  for (const args of wrong) {
    const { code, stdout, stderr } = await runHelper([...program, ...args]);
    assert.deepEqual([code, stdout.length], [64, 0], args.join(' '));
    assert.match(stderr, /^usage: psi-lookup lookup\|store\|delete\|list\|health /);
  }
  assert.equal((await runHelper([...program, 'lookup'], { id: 'a'.repeat(257) })).code, 64);
  const version = await runHelper([...program, '--version']);
  assert.deepEqual([version.code, version.stderr], [0, '']);
  assert.match(version.stdout.toString(), /^psi-lookup \d+\.\d+\.\d+\n$/);
});
