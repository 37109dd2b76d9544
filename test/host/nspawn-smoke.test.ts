// The nspawn host itself: what every test that needs systemd, quadlet and D-Bus relies on.
import assert from 'node:assert/strict';
import { access, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import type { Host } from '../hosts/nspawn.ts';
import { hostSupport, startHost } from '../hosts/nspawn.ts';

const support = await hostSupport();
const options = { skip: support.ok ? false : support.reason };

const quadlet = (container: readonly string[], rest: readonly string[] = []): string =>
  ['[Container]', 'Image=localhost/psi-busybox:test', 'Network=host', ...container, ...rest, ''].join('\n');

// busybox brings no Node: the host's own, through its root.
const ECHO_SERVER = "require('node:http').createServer((q,r)=>r.end('from fd 3')).listen({fd:3})";
const files = {
  '/etc/containers/systemd/hello.container': quadlet(
    ['Exec=sh -c "echo value $$GREETING; exec sleep infinity"', 'Secret=greeting,type=env,target=GREETING'],
    ['StopTimeout=1'],
  ),
  '/etc/containers/systemd/hello.container.d/50-more.conf': '[Container]\nSecret=greeting,target=file\n',
  '/etc/containers/systemd/listener.container': quadlet([
    'Volume=/:/host:ro',
    `Exec=chroot /host /usr/local/bin/node -e "${ECHO_SERVER}"`,
    'StopTimeout=1',
  ]),
  '/etc/systemd/system/listener.socket': '[Socket]\nListenStream=/run/listener.sock\n',
};

let host: Host;
before(async () => {
  if (support.ok) host = await startHost({ files });
});
after(async () => {
  if (support.ok) await host.stop();
});

test('starts a quadlet whose drop-in adds a secret', options, async () => {
  await host.ok(['podman', 'secret', 'create', 'greeting', '-'], { input: 'hello' });
  await host.ok('systemctl start hello.service');
  await host.until('journalctl -o cat -u hello.service | grep -qx "value hello"');
  assert.equal(await host.ok('podman exec systemd-hello cat /run/secrets/file'), 'hello');
});

test('runs a privileged container that reaches the host through its D-Bus folder', options, async () => {
  await host.ok('systemctl start podman.socket');
  const mounts = ['-v', '/run/dbus:/run/dbus', '-v', '/run/podman:/run/podman'];
  const script =
    'test -S /run/dbus/system_bus_socket && test -S /run/podman/podman.sock && grep CapEff /proc/self/status';
  const shown = await host.ok(['podman', 'run', '--rm', '--privileged', ...mounts, host.image, 'sh', '-c', script]);
  assert.match(shown, /CapEff:\s+0000/);
});

test('hands a listening socket into a container as fd 3', options, async () => {
  await host.ok('systemctl start listener.socket');
  const answer = await host.ok('curl -sS --max-time 20 --unix-socket /run/listener.sock http://host/');
  assert.equal(answer, 'from fd 3');
});

test('runs a script of this checkout as a service', options, async () => {
  await host.startNode({ unit: 'probe', script: 'test/host/fixtures/probe.ts', args: ['one'], env: { PROBE: 'two' } });
  await host.until('journalctl -o cat -u probe | grep -qx "one two"');
});

test('writes files with their mode and gives them back', options, async () => {
  await host.write('/etc/psi/probe', 'line\n', 0o600);
  assert.equal(await host.read('/etc/psi/probe'), 'line\n');
  assert.equal((await host.ok('stat -c %a /etc/psi/probe')).trim(), '600');
});

test('tells the exit code and both outputs of a command', options, async () => {
  const result = await host.run('cat; echo oops >&2; exit 3', { input: 'given' });
  assert.deepEqual([result.code, result.stdout, result.stderr], [3, 'given', 'oops\n']);
});

test('reboots: what is on its disk stays, what ran and what was in /run is gone', options, async () => {
  await host.ok(
    'echo kept >/etc/kept; podman tag $(podman images -q | head -n 1) localhost/kept:test; touch /run/gone',
  );
  const before = host.leader;
  await host.reboot();
  assert.notEqual(host.leader, before);
  assert.equal(await host.read('/etc/kept'), 'kept\n');
  await host.ok('podman image exists localhost/kept:test && [ ! -e /run/gone ]');
  assert.equal(await host.ok('podman ps -q'), '');
});

test('leaves no process, folder or cgroup behind when it stops', options, async () => {
  const second = await startHost();
  await second.ok(['podman', 'run', '-d', '--network=none', '--stop-timeout=1', second.image, 'sleep', '1000']);
  await second.stop();
  await assert.rejects(access(`/proc/${String(second.leader)}`));
  assert.deepEqual(
    (await readdir(tmpdir())).filter((name) => name === second.name || name.startsWith('nspawn-')),
    [],
  );
});
