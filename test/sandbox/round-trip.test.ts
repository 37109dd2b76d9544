// A thousand secrets from an env file into Infisical and back out through real Podman: as an env file, and by lookup in a container. Each comes
// back byte for byte, or is refused by name.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { answerOf } from '../hosts/answer.ts';
import type { SetupReport } from '../../src/registration/setup-events.ts';
import { startInfisicalDouble, type InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import { asEnvFile, COUNT, generatedSecrets } from '../hosts/generated-secrets.ts';
import { startPsi, type PsiProcess } from '../hosts/psi-process.ts';
import { sandboxSupport, startSandbox, type Sandbox } from '../hosts/sandbox.ts';

const support = await sandboxSupport();
const options = { skip: support.ok ? false : support.reason };

const CREDENTIALS = { clientId: 'trip-host', clientSecret: 'trip-client-secret' };
const WHERE = ['--project', 'p', '--path', '/trip'];

type Trip = { readonly infisical: InfisicalDouble; readonly psi: PsiProcess };

let sandbox: Sandbox;
let trip: Trip;
let stored: ReadonlyMap<string, string>;
before(async () => {
  if (!support.ok) return;
  sandbox = await startSandbox();
  trip = await startTrip('v4');
  stored = await imported(trip, asEnvFile(generatedSecrets()));
  assert.ok(stored.size > COUNT / 2, `${String(stored.size)} were imported`);
});
after(async () => {
  if (!support.ok) return;
  await end(trip);
  await sandbox.stop();
});

/** PSI on the sandbox's Podman, beside a server with one empty project. */
async function startTrip(generation: InfisicalDouble['generation'], workload = 'trip'): Promise<Trip> {
  const infisical = await startInfisicalDouble({
    generation,
    seed: { identities: [CREDENTIALS], projects: [{ id: 'trip', environments: ['prod'] }] },
  });
  const dir = join(sandbox.dir, `psi-${generation}`);
  await mkdir(dir);
  const psi = await startPsi({
    dir,
    podmanSocket: sandbox.socket,
    apiUrl: infisical.url,
    ...CREDENTIALS,
    projects: { p: { id: 'trip', environment: 'prod' } },
    workloads: { [workload]: { secrets: [{ project: 'p', path: '/trip' }] } },
    // Podman here reads no drop-ins, or there is no systemd to tell.
    config: { dbus_socket: join(sandbox.dir, 'no-bus') },
  });
  return { infisical, psi };
}

async function end({ psi, infisical }: Trip): Promise<void> {
  await psi.stop();
  await infisical.close();
}

/** What is in the project after the import. */
async function imported({ psi, infisical }: Trip, envFile: string): Promise<ReadonlyMap<string, string>> {
  const file = join(sandbox.dir, `${infisical.generation}.env`);
  await writeFile(file, envFile);
  await psi.cli('infisical', 'import', 'env-file', file, ...WHERE);
  const folder = infisical.state.projects.get('trip')?.environments.get('prod')?.folders.get('/trip');
  return new Map([...(folder?.secrets.values() ?? [])].map(({ key, value }) => [key, value]));
}

/** The variables of a container, by name; the ones that Podman sets itself are among them. */
async function variablesIn(flags: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { code, stdout, stderr } = await sandbox.podman(['run', '--rm', ...flags, sandbox.image, 'env', '-0']);
  assert.equal(code, 0, stderr);
  return new Map(
    stdout.split('\0').map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)] as const;
    }),
  );
}

for (const flags of [[], ['--for', 'podman']]) {
  test(
    `psi infisical ${['env --format env', ...flags].join(' ')} is read back by podman run --env-file`,
    options,
    async () => {
      const printed = await trip.psi.cli('infisical', 'env', ...WHERE, '--format', 'env', ...flags);
      const leftOut = new Set([...printed.stderr.matchAll(/^left out: (\S+): /gm)].map(([, key]) => key));
      const file = join(sandbox.dir, 'printed.env');
      await writeFile(file, printed.stdout);
      const inside = await variablesIn(['--env-file', file]);
      for (const [key, value] of stored) assert.equal(inside.get(key), leftOut.has(key) ? undefined : value, key);
      assert.ok(stored.size - leftOut.size > COUNT / 4, `${String(leftOut.size)} left out`);
      assert.equal(printed.code, 1);
    },
  );
}

test('a lookup in a container gives the same bytes', options, async () => {
  const { stdout } = await trip.psi.cli('setup', '--json');
  const report = answerOf(stdout) as SetupReport;
  assert.deepEqual(report.failures, []);
  const refused = new Set(report.refused.map(({ key }) => key));
  const keys = [...stored.keys()].filter((key) => !refused.has(key));
  assert.ok(keys.length > COUNT / 2, `${String(refused.size)} refused`);
  const inside = await variablesIn(keys.flatMap((key) => ['--secret', `trip--${key},type=env,target=${key}`]));
  for (const key of keys) assert.equal(inside.get(key), stored.get(key), key);
});

test('a server of July 2024 does the same: import, setup, lookup in a container', options, async () => {
  // What the other one has registered with this Podman is not this one's.
  const old = await startTrip('2024', 'old');
  try {
    const values = await imported(old, 'HOST=db.example\nMULTI="two\nlines"\nQUOTE=\'it is "so"\'\nEMPTY=\n');
    assert.equal(values.size, 4);
    const { code, stdout } = await old.psi.cli('setup', '--json');
    assert.equal(code, 0, stdout);
    const inside = await variablesIn(
      [...values.keys()].flatMap((key) => ['--secret', `old--${key},type=env,target=${key}`]),
    );
    for (const [key, value] of values) assert.equal(inside.get(key), value, key);
  } finally {
    await end(old);
  }
});
