// A Podman that is there but does not do its part: every call ends by itself as HOST, and says what to look at.
import assert from 'node:assert/strict';
import { link, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createSecretRegistry } from '../../src/adapters/podman/secrets.ts';
import { PsiError } from '../../src/core/error.ts';
import type { SecretRegistry } from '../../src/registration/secret-registry.ts';

const OPTIONS = { lookup: 'a', store: 'b', delete: 'c', list: 'd' };
const CURRENT = { id: '0123456789abcdef012345678', name: 'a--B', driver: 'shell', options: OPTIONS };
const SECRET = { name: 'a--B', body: '{}', options: OPTIONS, labels: {} };

const CALLS: readonly (readonly [string, (registry: SecretRegistry) => Promise<unknown>])[] = [
  ['features', (registry) => registry.features()],
  ['list', (registry) => registry.list()],
  ['create', (registry) => registry.create(SECRET)],
  ['replace', (registry) => registry.replace(CURRENT, SECRET)],
];

const head = (status: string, more = ''): string => `HTTP/1.1 ${status}\r\nConnection: close\r\n${more}\r\n`;

type Fault = {
  readonly name: string;
  readonly onData: (socket: Socket) => void;
  readonly message: RegExp;
  readonly hint: RegExp;
};

const FAULTS: readonly Fault[] = [
  {
    name: 'never answers',
    onData: () => undefined,
    message: /did not answer on .* within 60 ms/,
    hint: /journalctl -u podman\.service/,
  },
  {
    name: 'stops in the middle of an answer',
    onData: (socket) =>
      socket.write(head('200 OK', 'Content-Length: 100\r\nLibpod-API-Version: 5.4.2\r\n') + '[{"ID":'),
    message: /did not answer on .* within 60 ms/,
    hint: /journalctl -u podman\.service/,
  },
  {
    name: 'hangs up',
    onData: (socket) => socket.destroy(),
    message: /connection to podman on .* broke \(E/,
    hint: /journalctl -u podman\.service/,
  },
  {
    name: 'does not speak HTTP',
    onData: (socket) => socket.end('SSH-2.0-OpenSSH\r\n'),
    message: /connection to podman on .* broke \(HPE_/,
    hint: /journalctl -u podman\.service/,
  },
  {
    name: 'is something else, with answers of its own',
    onData: (socket) => socket.end(head('404 Not Found', 'Content-Type: text/html\r\n') + '<html>no</html>'),
    message: /is no podman|without a reason/,
    hint: /podman_socket/,
  },
  {
    name: 'sends elsewhere',
    onData: (socket) => socket.end(head('301 Moved Permanently', 'Location: http://127.0.0.1:9/x\r\n')),
    message: /is no podman: it redirects/,
    hint: /podman_socket/,
  },
];

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'psi-podman-'));
});
after(() => rm(dir, { recursive: true }));

for (const [index, fault] of FAULTS.entries()) {
  describe(`a podman that ${fault.name}`, () => {
    let server: Server;
    let registry: SecretRegistry;
    const sockets = new Set<Socket>();
    before(async () => {
      server = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.once('data', () => {
          fault.onData(socket);
        });
      });
      const socketPath = join(dir, `${String(index)}.sock`);
      await new Promise<void>((resolve) => server.listen(socketPath, resolve));
      registry = createSecretRegistry({ socketPath, timeoutMs: 60 });
    });
    after(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    for (const [name, call] of CALLS) {
      test(`makes ${name} fail as HOST`, { timeout: 10_000 }, async () => {
        await assert.rejects(call(registry), (thrown) => {
          assert.ok(thrown instanceof PsiError);
          assert.equal(thrown.code, 'HOST');
          assert.match(thrown.message, fault.message);
          assert.match(thrown.hint ?? '', fault.hint);
          return true;
        });
      });
    }
  });
}

for (const [name, call] of CALLS) {
  test(`${name} fails as HOST and names the socket unit when there is no socket`, async () => {
    const registry = createSecretRegistry({ socketPath: join(dir, 'missing.sock') });
    await assert.rejects(call(registry), host(/is not there/, /systemctl enable --now podman\.socket/));
  });
}

test('fails as HOST and names the stale mount when nobody listens on the socket', async () => {
  const socketPath = join(dir, 'stale.sock');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  // Node removes the file of a socket it closes, but not under another name.
  const stale = join(dir, 'stale-link.sock');
  await link(socketPath, stale);
  await new Promise((resolve) => server.close(resolve));
  const registry = createSecretRegistry({ socketPath: stale });
  await assert.rejects(registry.list(), host(/nobody answers/, /goes stale/));
});

function host(message: RegExp, hint: RegExp): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof PsiError);
    assert.equal(thrown.code, 'HOST');
    assert.equal(thrown.retry, 'later');
    assert.match(thrown.message, message);
    assert.match(thrown.hint ?? '', hint);
    return true;
  };
}
