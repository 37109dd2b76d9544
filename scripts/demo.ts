// `npm run demo`: the main job from end to end on this machine, with nothing left behind. An Infisical double, PSI, real Podman, and a
// container that prints the secrets it received.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { startInfisicalDouble } from '../test/doubles/infisical/infisical-double.ts';
import { joinAsSystemd, startBus } from '../test/doubles/systemd-bus.ts';
import { startPsi } from '../test/hosts/psi-process.ts';
import { PSI_FROM_BUILD } from '../test/hosts/psi-tree.ts';
import { sandboxSupport, startSandbox } from '../test/hosts/sandbox.ts';

const VALUES: Readonly<Record<string, string>> = {
  DB_HOST: 'db.internal',
  DB_PASSWORD: 'correct horse battery staple',
  GREETING: 'grüezi, 世界',
  MOTD: 'first line\nsecond line',
};

const CREDENTIALS = { clientId: 'demo-host', clientSecret: 'demo-client-secret' };

function step(text: string): void {
  console.log(`\n${styleText(['bold', 'cyan'], text)}`);
}

async function demo(): Promise<number> {
  const support = await sandboxSupport();
  if (!support.ok) {
    console.error(`error: this machine cannot run the demo: ${support.reason}`);
    console.error('hint: run it as root on Debian or Fedora; `npm run setup` names missing packages');
    return 69;
  }
  const cleanup: (() => Promise<unknown>)[] = [];
  try {
    step('1. an Infisical server (a double of it, in this process)');
    const infisical = await startInfisicalDouble({
      seed: {
        identities: [CREDENTIALS],
        projects: [{ id: 'demo-project', slug: 'demo', environments: ['prod'] }],
        values: { 'demo-project': { prod: { '/myapp': VALUES } } },
      },
    });
    cleanup.push(() => infisical.close());
    console.log(`${infisical.url}, project demo-project, folder /myapp: ${Object.keys(VALUES).join(', ')}`);

    step('2. Podman, apart from the one you use');
    const sandbox = await startSandbox();
    cleanup.push(() => sandbox.stop());
    console.log(`podman ${sandbox.version}`);

    step('3. PSI: psi serve, psi setup');
    const dir = await mkdtemp(join(tmpdir(), 'psi-demo-'));
    cleanup.push(() => rm(dir, { recursive: true, force: true }));
    // Where Podman reads drop-ins, setup asks systemd to reload: this machine's own has nothing to do with the demo.
    const bus = await startBus(dir, 'bus');
    cleanup.push(bus.stop);
    cleanup.push((await joinAsSystemd(bus.socket, () => undefined)).leave);
    const psi = await startPsi(
      {
        dir,
        config: { dbus_socket: bus.socket },
        podmanSocket: sandbox.socket,
        apiUrl: infisical.url,
        ...CREDENTIALS,
        projects: { demo: { id: 'demo-project', environment: 'prod' } },
        workloads: { myapp: { provider: 'infisical', secrets: [{ project: 'demo', path: '/myapp' }] } },
      },
      PSI_FROM_BUILD,
    );
    cleanup.push(() => psi.stop());
    const setup = await psi.cli('setup');
    process.stdout.write(setup.stdout);
    process.stderr.write(setup.stderr);
    if (setup.code !== 0) return setup.code;

    step('4. what Podman holds: coordinates, no values');
    const inspected = await sandbox.podman(['secret', 'ls', '--format', '{{.Name}}  {{.Driver}}']);
    process.stdout.write(inspected.stdout);

    step('5. a container starts and prints the environment it received');
    const secrets = Object.keys(VALUES).flatMap((key) => ['--secret', `myapp--${key},type=env,target=${key}`]);
    const started = await sandbox.podman(['run', '--rm', ...secrets, sandbox.image, 'env', '-0']);
    process.stderr.write(started.stderr);
    if (started.code !== 0) return started.code;
    return report(new Map(started.stdout.split('\0').map((line) => [line.split('=', 1)[0] ?? '', line])));
  } finally {
    for (const undo of cleanup.reverse()) await undo();
  }
}

function report(environment: ReadonlyMap<string, string>): number {
  let exact = 0;
  for (const [key, value] of Object.entries(VALUES)) {
    const received = environment.get(key);
    const ok = received === `${key}=${value}`;
    if (ok) exact += 1;
    const shown = received?.replaceAll('\n', '\n  ') ?? `${key} did not arrive`;
    console.log(`${styleText(ok ? 'green' : 'red', ok ? '✔' : '✖')} ${shown}`);
  }
  const all = Object.keys(VALUES).length;
  console.log(
    `\n${String(exact)} of ${String(all)} values arrived byte for byte; everything started here is stopped and removed`,
  );
  return exact === all ? 0 : 1;
}

process.exitCode = await demo();
