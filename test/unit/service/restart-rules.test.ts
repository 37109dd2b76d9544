import assert from 'node:assert/strict';
import { test } from 'node:test';

import { restartNeeded } from '../../../src/service/restart-rules.ts';
import { load, PROVIDER } from '../config/support.ts';

const CACHE = 'cache: {backend: tpm}\n';
const RECOVERY = 'age1e34ljque7j80p2mccrg3afm8az2w8x3lrs5z87cptjj2cj3sksvquz8clh';

for (const [key, before, after] of [
  ['state_dir', '/var/lib/psi', '/var/lib/other'],
  ['systemd_dir', '/etc/containers/systemd', '/etc/other'],
  ['socket', '/run/psi/psi.sock', '/run/other/psi.sock'],
  ['control_socket', '/run/psi-control.sock', '/run/other.sock'],
  ['podman_socket', '/run/podman/podman.sock', '/run/other/podman.sock'],
  ['dbus_socket', '/run/dbus/system_bus_socket', '/run/other/bus'],
] as const) {
  test(`another ${key} takes a restart, and the refusal says which`, async () => {
    const refusal = restartNeeded(await load(PROVIDER), await load(`${PROVIDER}${key}: ${after}\n`));
    assert.equal(refusal?.code, 'CONFIG_INVALID');
    assert.equal(refusal.message, `/etc/psi/config.yaml: ${before} became ${after}, which needs a restart`);
    assert.match(refusal.hint ?? '', /systemctl restart psi\.service/);
  });
}

for (const [what, section] of [
  ['a cache that is turned off', 'cache: {enabled: false, backend: tpm}\n'],
  ['another backend', 'cache: {backend: credential}\n'],
  ['a backend more', 'cache: {backend: [tpm, credential]}\n'],
  ['a recovery key', `cache: {backend: tpm, recovery: ${RECOVERY}}\n`],
  ['another file', 'cache: {backend: tpm, path: /var/lib/other.enc}\n'],
  ['another age', 'cache: {backend: tpm, max_age: 2h}\n'],
  ['other PCRs', 'cache: {backend: tpm, tpm: {pcrs: [7, 11]}}\n'],
  ['another token', 'cache: {backend: tpm, hsm: {module: /usr/lib/other.so, key: psi}}\n'],
  ['another credential', 'cache: {backend: tpm, credential: other}\n'],
] as const) {
  test(`${what} takes a restart`, async () => {
    const refusal = restartNeeded(await load(PROVIDER + CACHE), await load(PROVIDER + section));
    assert.match(refusal?.message ?? '', /`cache` was changed, which needs a restart/);
    assert.match(refusal?.hint ?? '', /psi cache init/);
  });
}

for (const [what, section] of [
  ['workloads', `${CACHE}workloads: {myapp: {secrets: [{project: myproject}]}}\n`],
  ['the socket token', `${CACHE}socket_token: other\n`],
  ['the time limit of a lookup', `${CACHE}lookup: {timeout: 2s}\n`],
  ['when the cache is refreshed', 'cache: {backend: tpm, refresh_interval: 10m}\n'],
] as const) {
  test(`${what} may change under the running service`, async () => {
    assert.equal(restartNeeded(await load(PROVIDER + CACHE), await load(PROVIDER + section)), undefined);
  });
}
