// A whole host boots: 50 containers with 20 secrets each, started at once by real Podman. Its lock lets one lookup through at a time and
// spreads each start over a minute, which a test that only asks PSI's socket does not show.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { readdir, rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { answerOf } from '../hosts/answer.ts';
import { startInfisicalDouble, type InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import { startPsi, type PsiOptions } from '../hosts/psi-process.ts';
import { sandboxSupport, startSandbox, type Sandbox } from '../hosts/sandbox.ts';

const support = await sandboxSupport();
const options = { skip: support.ok ? false : support.reason };

const CREDENTIALS = { clientId: 'storm-host', clientSecret: 'storm-client-secret' };
const APPS = Array.from({ length: 50 }, (_, index) => `app${String(index)}`);
const VALUES = Object.fromEntries(
  Array.from({ length: 20 }, (_, index) => [`K${String(index)}`, `value ${String(index)}`]),
);
const MOST_CALLS = 55;

let sandbox: Sandbox;
let infisical: InfisicalDouble;
let psiOptions: PsiOptions;
before(async () => {
  if (!support.ok) return;
  sandbox = await startSandbox();
  infisical = await startInfisicalDouble({
    seed: {
      identities: [CREDENTIALS],
      projects: [{ id: 'storm', environments: ['prod'] }],
      values: { storm: { prod: Object.fromEntries(APPS.map((app) => [`/${app}`, VALUES])) } },
    },
  });
  psiOptions = {
    dir: join(sandbox.dir, 'psi'),
    podmanSocket: sandbox.socket,
    apiUrl: infisical.url,
    ...CREDENTIALS,
    projects: { p: { id: 'storm', environment: 'prod' } },
    workloads: Object.fromEntries(APPS.map((app) => [app, { secrets: [{ project: 'p', path: `/${app}` }] }])),
    // Setup asks for no reload where Podman reads no drop-ins; where it does, there is no systemd to ask here.
    config: { dbus_socket: join(sandbox.dir, 'no-bus') },
  };
  const psi = await startPsi(psiOptions);
  const { stdout } = await psi.cli('setup', '--json');
  await psi.stop();
  const { changes } = answerOf(stdout) as { changes: { action: string }[] };
  assert.equal(changes.filter(({ action }) => action === 'create').length, APPS.length * Object.keys(VALUES).length);
});
after(async () => {
  if (!support.ok) return;
  await infisical.close();
  await sandbox.stop();
});

/** Starts one container with all its secrets and says what went wrong, if anything. */
async function start(app: string): Promise<string> {
  const secrets = Object.keys(VALUES).flatMap((key) => ['--secret', `${app}--${key},type=env,target=${key}`]);
  const { code, stdout, stderr } = await sandbox.podman(['run', '--rm', ...secrets, sandbox.image, 'env']);
  if (code !== 0) return `${app}: ${stderr}`;
  const missing = Object.entries(VALUES).filter(([key, value]) => !stdout.split('\n').includes(`${key}=${value}`));
  return missing.length === 0 ? '' : `${app}: ${missing.map(([key]) => key).join(' ')} did not arrive`;
}

for (const [what, knobs] of [
  ['at 50 ms', { latencyMs: 50 }],
  ['that limits to 60 calls a minute', { latencyMs: 50, limits: { total: 60 } }],
] as const) {
  test(
    `a cold boot of 50 containers with 20 secrets fails no start and costs at most 55 calls, on a provider ${what}`,
    options,
    async () => {
      // Cold: no access token from before either.
      const state = join(psiOptions.dir, 'state');
      for (const name of await readdir(state)) if (name.startsWith('.token')) await rm(join(state, name));
      infisical.knobs.reset();
      infisical.knobs.set(knobs);
      infisical.clearCalls();
      const psi = await startPsi(psiOptions);
      try {
        const failures = (await Promise.all(APPS.map(start))).filter((failure) => failure !== '');
        assert.deepEqual(failures, []);
        assert.ok(infisical.count() <= MOST_CALLS, `${String(infisical.count())} calls`);
      } finally {
        await psi.stop();
      }
    },
  );
}
