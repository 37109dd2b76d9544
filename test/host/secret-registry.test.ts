// The secret registry's contract on a current Podman (replace in one step, names with @), inside a booted host.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Host } from '../hosts/nspawn.ts';
import { hostSupport, startHost } from '../hosts/nspawn.ts';

const support = await hostSupport();

let host: Host;
before(async () => {
  if (support.ok) host = await startHost();
});
after(async () => {
  if (support.ok) await host.stop();
});

test('keeps the contract', { skip: support.ok ? false : support.reason }, async () => {
  await host.ok('systemctl start podman.socket');
  const script = `${host.tree}/test/host/fixtures/secret-registry-inside.ts`;
  const result = await host.run([host.node, '--test', '--test-isolation=none', script], { timeoutMs: 120_000 });
  assert.equal(result.code, 0, result.stdout + result.stderr);
  assert.match(result.stdout, /creates twenty secrets at once/);
});
