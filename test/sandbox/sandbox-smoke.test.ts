// The sandbox itself: what every test that needs a real Podman relies on.
import assert from 'node:assert/strict';
import { access, readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Sandbox } from '../hosts/sandbox.ts';
import { sandboxSupport, startSandbox } from '../hosts/sandbox.ts';

const support = await sandboxSupport();
const options = { skip: support.ok ? false : support.reason };

let sandbox: Sandbox;
before(async () => {
  if (support.ok) sandbox = await startSandbox();
});
after(async () => {
  if (support.ok) await sandbox.stop();
});

test('runs a container that sees its secret as a variable and as a file', options, async () => {
  const created = await sandbox.podman(['secret', 'create', 'greeting', '-'], { input: 'hello\nworld' });
  assert.equal(created.code, 0, created.stderr);
  const flags = ['--secret', 'greeting,type=env,target=GREETING', '--secret', 'greeting'];
  const script = 'printf "%s|" "$GREETING"; cat /run/secrets/greeting';
  const shown = await sandbox.podman(['run', '--rm', ...flags, sandbox.image, 'sh', '-c', script]);
  assert.equal(shown.stderr, '');
  assert.equal(shown.stdout, 'hello\nworld|hello\nworld');
});

test('serves the REST API on a socket that is reachable from outside', options, async () => {
  const body = await new Promise<string>((resolve, reject) => {
    const path = '/v4.0.0/libpod/secrets/json';
    request({ socketPath: sandbox.socket, path }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => {
        resolve(text);
      });
    })
      .on('error', reject)
      .end();
  });
  assert.match(body, /"Name":"greeting"/);
});

test('keeps its storage in its own folder and names its version', options, async () => {
  assert.match(sandbox.version, /^\d+\.\d+\.\d+/);
  assert.match(await readFile(join(sandbox.graphRoot, 'secrets/secrets.json'), 'utf8'), /greeting/);
  await assert.rejects(access('/run/psi-sandbox'));
});

test('leaves no folder and no process behind when it stops', options, async () => {
  const second = await startSandbox();
  const running = await second.podman(['run', '-d', second.image, 'sleep', '1000']);
  assert.equal(running.code, 0, running.stderr);
  await second.stop();
  await assert.rejects(access(second.dir));
  await assert.rejects(access(`/proc/${String(second.leader)}`));
});
