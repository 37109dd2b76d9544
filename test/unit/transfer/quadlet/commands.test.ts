import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quadletCommands } from '../../../../src/transfer/quadlet/commands.ts';
import { COMMAND, HOST } from './command-stage.ts';

test('on the host a missing file is just missing', () => {
  const commands = quadletCommands(COMMAND, { host: HOST, container: undefined });
  assert.equal(commands.elsewhere('/srv/app.env'), undefined);
  assert.match(commands.rewriteCommand, /^psi infisical import quadlet .* --conflict skip --rewrite$/);
});

test('in the container a missing file is on the host, where the same import can run', () => {
  const commands = quadletCommands({ ...COMMAND, conflict: 'overwrite' }, { host: HOST, container: 'podman' });
  const hint = commands.elsewhere('/srv/app.env') ?? '';
  assert.match(hint, /^in the container only mounted folders are there; on the host: podman run /);
  assert.match(hint, / -v \/srv\/app\.env:\/srv\/app\.env:ro .* --conflict overwrite$/);
  assert.match(commands.rewriteCommand, /^podman exec psi psi infisical import quadlet .* --rewrite$/);
});
