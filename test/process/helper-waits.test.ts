// For what the lookup helper waits, and how long: a socket that is replaced, a queue that is full, a PSI that failed to start, a reader of the value.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { lookupCommand } from '../../src/registration/driver-command/lookup-command.ts';
import { NO_HELPER, runDriverCommand, socketOfNobody, type Ran } from '../hosts/driver-command.ts';
import { builtHelper, runHelper, serveRaw, type HelperRun, type Serve } from '../hosts/lookup-helper.ts';

const helper = await builtHelper();
const skip = helper.ok ? false : helper.reason;
const dir = await mkdtemp(join(tmpdir(), 'psi-helper-'));
after(() => rm(dir, { recursive: true, force: true }));

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nvalue';
const answer: Serve = (socket) => socket.end(OK);

const newSocket = async (): Promise<string> => join(await mkdtemp(join(dir, 's-')), 'psi.sock');

type Timed = Ran & { readonly ms: number };

async function lookup(socket: string, seconds: number, more: HelperRun = {}): Promise<Timed> {
  const began = performance.now();
  const argv = [...(helper.ok ? helper.argv : []), 'lookup', '--socket', socket, '--max-time', String(seconds)];
  const ran = await runHelper(argv, more);
  return { ...ran, ms: performance.now() - began };
}

function assertValue({ code, stdout, stderr }: Ran): void {
  assert.deepEqual([code, stdout.toString(), stderr], [90, 'value', '']);
}

/** Puts a server in the place of whatever is at the path, in one step. */
async function replace(t: TestContext, path: string): Promise<void> {
  await serveRaw(t, `${path}.new`, answer);
  await rename(`${path}.new`, path);
}

/** A server that hangs up on the first callers; `then` happens once it did. */
async function hangingUp(t: TestContext, path: string, times: number, then: () => void): Promise<Server> {
  let calls = 0;
  const server = await serveRaw(t, path, (socket, request) => {
    calls += 1;
    if (calls > times) {
      answer(socket, request);
      return;
    }
    socket.end();
    if (calls === times) then();
  });
  return server;
}

describe('what is waited for', { concurrency: 7, skip }, () => {
  test('a socket that nobody serves yet', async (t) => {
    const path = await newSocket();
    await socketOfNobody(path);
    const asked = lookup(path, 20);
    // Whether it has looked by then or looks later: it gets the value. Most of the time it has.
    await delay(100);
    await replace(t, path);
    assertValue(await asked);
  });

  test('a socket that is gone for longer than a moment after PSI hung up: it is being replaced', async (t) => {
    const path = await newSocket();
    const server = await hangingUp(t, path, 1, () => server.close());
    const closed = once(server, 'close');
    const asked = lookup(path, 20);
    await closed;
    await delay(1000);
    await serveRaw(t, path, answer);
    assertValue(await asked);
  });

  test('a queue that was closed with the call in it: it calls again', async (t) => {
    const path = await newSocket();
    await hangingUp(t, path, 3, () => undefined);
    assertValue(await lookup(path, 20));
  });

  test('not for ever: who hangs up four times is not called again', async (t) => {
    const path = await newSocket();
    let calls = 0;
    await serveRaw(t, path, (socket) => {
      calls += 1;
      socket.end();
    });
    const { code, stdout } = await lookup(path, 20);
    assert.deepEqual([code, stdout.length, calls], [94, 0, 4]);
  });

  test('no socket: half a second, whatever the limit is', async () => {
    const path = await newSocket();
    const { code, stderr, ms } = await lookup(path, 20);
    assert.equal(code, 92);
    assert.match(stderr, /^psi: there is no socket at /);
    assert.ok(ms >= 450 && ms < 10_000, `${String(ms)} ms`);
  });

  test('something that is no socket: not at all', async () => {
    const path = await newSocket();
    await writeFile(path, '');
    const { code, ms } = await lookup(path, 20);
    assert.deepEqual([code, ms < 10_000], [92, true]);
  });

  test('a queue that is full, as long as there is time', async (t) => {
    const path = await newSocket();
    const server = await stoppedServer(t, path);
    const callers = [1, 2, 3, 4].map(() => connect(path).on('error', () => undefined));
    t.after(() => {
      for (const caller of callers) caller.destroy();
    });
    const late = await lookup(path, 1);
    assert.deepEqual([late.code, late.stdout.length], [93, 0]);
    assert.match(late.stderr, /^psi: no answer at \S+ within 1 s: run systemctl status psi\.service /);
    const asked = lookup(path, 20);
    await delay(100);
    process.kill(server, 'SIGCONT');
    assertValue(await asked);
  });

  test('after three failed starts: two seconds, and the line says why, as with curl', async (t) => {
    const socket = await newSocket();
    await serveRaw(t, socket, () => undefined);
    const reason = `psi.service could not pull ${'x'.repeat(500)}`;
    await writeFile(join(dirname(socket), 'start-failed'), `${reason}\nrun journalctl -u psi.service\nmore\n`);
    const command = lookupCommand({ socket, maxTimeSeconds: 20, headerFile: undefined, helper: NO_HELPER });
    const [curl, own] = await Promise.all([runDriverCommand(command, { id: 'abc' }), lookup(socket, 20)]);
    assert.deepEqual([own.code, curl.code], [93, 28]);
    assert.ok(own.ms < 15_000, `${String(own.ms)} ms`);
    assert.equal(own.stderr, curl.stderr);
    assert.match(own.stderr, /within 2 s: .+\npsi: psi\.service could not pull x+ run journalctl -u psi\.service\n$/);
  });

  test('a marker of failed starts that was left behind harms nobody', async (t) => {
    const path = await newSocket();
    await serveRaw(t, path, answer);
    await writeFile(join(dirname(path), 'start-failed'), 'psi.service could not start\n');
    assertValue(await lookup(path, 20));
    await serveRaw(t, `${path}.2`, (socket) => socket.end('HTTP/1.1 404 No\r\ncontent-type: psi: gone\r\n\r\n'));
    const { code, stderr } = await lookup(`${path}.2`, 20);
    assert.equal(code, 91);
    assert.doesNotMatch(stderr, /could not start/);
  });

  test('a limit that is less than two seconds stays what it is', async (t) => {
    const path = await newSocket();
    await serveRaw(t, path, () => undefined);
    await writeFile(join(dirname(path), 'start-failed'), 'psi.service could not start');
    const { stderr } = await lookup(path, 1);
    assert.match(stderr, /within 1 s: .+\npsi: psi\.service could not start \n$/);
  });

  test('a reader of the value: five seconds', async (t) => {
    const path = await newSocket();
    const large = 'x'.repeat(1_000_000);
    await serveRaw(t, path, (socket) => socket.end(OK.replace('5', String(large.length)).replace('value', large)));
    const { code, stderr } = await lookup(path, 20, { stdout: 'unread' });
    assert.equal(code, 96);
    assert.match(stderr, /^psi: podman does not take the value: .+ \(lookup failed, status 23; /);
  });

  test('who does not take its words: until an alarm of its own, whatever it was started with', async () => {
    const path = await newSocket();
    // Nobody reads the pipe, which is full. The shell's own status is told apart from that of the helper by its word for it.
    const script = `trap '' ALRM; mkfifo "$2.words"; exec 3<>"$2.words"; head -c 65536 /dev/zero >&3;
      "$1" lookup --socket "$2" --max-time 1 --errors-to 3; echo "ended with $?"`;
    const began = performance.now();
    const { stdout } = await runHelper(['sh', '-c', script, 'sh', helper.ok ? (helper.argv[0] ?? '') : '', path]);
    const ms = performance.now() - began;
    assert.equal(stdout.toString(), 'ended with 142\n');
    assert.ok(ms >= 8_000 && ms < 20_000, `${String(ms)} ms`);
  });
});

test('a value that nobody takes is no success', { skip }, async (t) => {
  const path = await newSocket();
  await serveRaw(t, path, answer);
  assert.equal((await lookup(path, 20, { stdout: 'closed' })).code, 96);
  const line = `"$1" lookup --socket "$2" >/dev/full`;
  const full = spawn('sh', ['-c', line, 'sh', helper.ok ? (helper.argv[0] ?? '') : '', path], { stdio: 'ignore' });
  assert.deepEqual(await once(full, 'close'), [96, null]);
});

test(
  'a file that it is given has been read to its end before the first of a value comes, and not before',
  { skip },
  async (t) => {
    const path = await newSocket();
    await serveRaw(t, path, (socket, request) => {
      if (request.startsWith('GET /lookup/gone ')) socket.end('HTTP/1.1 404 Not Found\r\n\r\n');
      else answer(socket, request);
    });
    const ask = async (id: string, file: string) => {
      const script = `exec 4<"$3"; "$1" lookup --socket "$2" --begun 4; echo " $?"; read -r rest <&4 && echo "left: $rest"`;
      const words = ['sh', '-c', script, 'sh', helper.ok ? (helper.argv[0] ?? '') : '', path, file];
      const { stdout, stderr } = await runHelper(words, { id });
      return [stdout.toString(), stderr];
    };
    assert.deepEqual(await ask('abc', '/proc/sys/kernel/ostype'), ['value 90\n', '']);
    assert.deepEqual((await ask('gone', '/proc/sys/kernel/ostype'))[0], ' 91\nleft: Linux\n');
    const long = join(dir, 'long');
    await writeFile(long, 'x'.repeat(600));
    assert.deepEqual(await ask('abc', long), [' 64\n', 'psi: no file ends at descriptor 4: left to curl\n']);
  },
);

/** Listens, and then accepts nobody until it is told to go on; its queue has room for two. */
async function stoppedServer(t: TestContext, path: string): Promise<number> {
  const script =
    `require('net').createServer((s) => s.on('error', () => 0).on('data', () => s.end(${JSON.stringify(OK)})))` +
    `.listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => process.stdout.write('up'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  child.kill('SIGSTOP');
  const pid = child.pid ?? 0;
  while (!/^State:\s+T/m.test(await readFile(`/proc/${String(pid)}/status`, 'utf8'))) await delay(5);
  return pid;
}
