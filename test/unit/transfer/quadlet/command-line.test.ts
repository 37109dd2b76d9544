import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onHost, quadletArguments } from '../../../../src/transfer/quadlet/command-line.ts';
import { COMMAND, HOST } from './command-stage.ts';

test('the arguments are those of the run, each one word of a shell', () => {
  assert.equal(
    quadletArguments(COMMAND),
    "infisical import quadlet '/etc/containers/systemd/my app.container' --project main --path /app",
  );
  assert.match(
    quadletArguments({ ...COMMAND, environment: 'dev', resolveSecrets: true, conflict: 'skip', rewrite: true }),
    / --environment dev --resolve-secrets --conflict skip --rewrite$/,
  );
});

test('the container of the host sees the file, and what PSI itself sees', () => {
  assert.equal(
    onHost(HOST, '/srv/app.env', 'ARGS'),
    'podman run --rm --network=host --security-opt label=disable -v /var/lib/psi:/var/lib/psi -v /etc/containers/systemd:/etc/containers/systemd -v /run/podman:/run/podman -v /etc/psi:/etc/psi:ro -v /srv/app.env:/srv/app.env:ro localhost/psi:latest ARGS',
  );
});

test('files and credentials of the config come with it, once', () => {
  const command = onHost(
    { ...HOST, caFiles: ['/etc/ssl/ca.pem'], secretFiles: ['/etc/psi/secret', '/var/lib/psi/x'], credentials: ['a'] },
    '/etc/psi/app.env',
    'ARGS',
  );
  assert.match(command, / -v \/etc\/ssl\/ca\.pem:\/etc\/ssl\/ca\.pem:ro /);
  assert.match(
    command,
    / -v \/run\/psi-credentials:\/run\/psi-credentials:ro -e PSI_CREDENTIALS_DIRECTORY=\/run\/psi-credentials /,
  );
  assert.doesNotMatch(command, /\/etc\/psi\/|\/var\/lib\/psi\/x/);
});

test('a user’s container is the same user and knows the config', () => {
  const command = onHost({ ...HOST, scope: 'user', configFile: '/home/x/.config/psi/config.yaml' }, '/srv/a', 'ARGS');
  assert.match(command, /--userns=keep-id .* -e PSI_CONFIG=\/home\/x\/\.config\/psi\/config\.yaml /);
});
