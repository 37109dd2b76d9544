// A host of the Python PSI in container mode comes over while workloads start in a loop: no lookup fails, names stay, the token is asked
// for, and a second run has nothing to do. `psi migrate --apply` is killed after each of its steps on the way.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageStore, PSI_IMAGE } from '../hosts/image.ts';
import { startHost } from '../hosts/nspawn.ts';
import { steps } from '../hosts/steps.ts';
import { installCommand, psiHostSupport, seedOf } from './psi-host.ts';
import {
  assertComesOver,
  assertFiles,
  assertIsOurs,
  layOut,
  OTHERS,
  STAGE,
  SYSTEM,
  type OldHost,
} from './python-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

async function startOldHost(): Promise<OldHost> {
  const host = await startHost({
    imageStore: await imageStore(),
    files: { '/root/seed.json': { content: JSON.stringify(seedOf(STAGE)), mode: 0o600 } },
  });
  await host.startNode({
    unit: 'infisical-double',
    script: 'test/doubles/infisical/main.ts',
    env: { HOST: '127.0.0.1', PORT: '8099', CONTROL_PORT: '8098', SEED: '/root/seed.json' },
  });
  await host.until('curl -sf http://127.0.0.1:8098/__double/counts');
  const podmanRun = (await installCommand()).replace(` ${PSI_IMAGE}`, '');
  const old: OldHost = { host, root: host, mode: 'container', places: SYSTEM, podmanRun };
  await layOut(old);
  return old;
}

test('a host in container mode', options, async (t) => {
  const old = await startOldHost();
  const { root: host } = old;
  t.after(() => host.stop());
  let planned: readonly string[] = [];
  const at = (step: RegExp): number => {
    const index = planned.findIndex((line) => step.test(line));
    assert.notEqual(index, -1, `${String(step)} in ${planned.join('\n')}`);
    return index;
  };
  await steps(t, {
    'an image that is not there: nothing is begun': async () => {
      const { code, stderr } = await host.run(`${old.podmanRun} ${PSI_IMAGE} migrate --apply`);
      assert.equal(code, 4);
      assert.match(stderr, /^refused: --image: localhost\/psi:latest is not on this host/m);
      await host.ok('test ! -e /etc/psi/migrate.owed');
    },
    'comes over, killed after each step, and no lookup fails': async () => {
      const says = [
        /^note: hsm\.key: its value is sealed by the token of nitrokeyhsm, which opens it here too/m,
        /^note: gone--X: no workload of the config has it/m,
        /^note: \/var\/lib\/psi\/cache\.enc: this psi does not read that cache/m,
      ];
      planned = await assertComesOver(old, says);
    },
    'the socket and the commands are those of this psi': () => assertIsOurs(old),
    'files are where they belong': () => assertFiles(old),
    'each was stopped before its file went, what starts others first': () => {
      const stops = [
        ...[/^stop psi-infisical-refresh\.timer/, /^stop psi-infisical-setup\.service/, /^socket .*come to this psi/],
        ...[/^stop psi-secrets\.service/, /^remove .*\/psi-secrets\.container/, /^stop pcscd\.service/],
        ...[/^remove .*\/pcscd\.container/, /^install psi and its smart card daemon/, /^setup /],
      ].map(at);
      assert.deepEqual(
        stops,
        stops.toSorted((a, b) => a - b),
        planned.join('\n'),
      );
      return Promise.resolve();
    },
    'the token of its credential, its HSM and its smart card daemon are carried': async () => {
      assert.match(await host.read('/etc/psi/config.yaml'), /credential: psi-socket-token/);
      assert.match(await host.read('/etc/psi/config.yaml'), /nitrokeyhsm:\n {4}pin: "?1234/);
      assert.match(await host.read('/etc/containers/systemd/pcscd.container'), /^# Written by PSI/);
      await host.ok('systemctl is-active pcscd.service && podman exec psi test -S /run/pcscd/pcscd.comm');
      await host.ok('podman exec psi test -e /usr/lib64/pkcs11/opensc-pkcs11.so');
    },
    'what no setup comes to gets the commands of this psi by itself, with its value': async () => {
      const dropIn = '[Container]\nEnvironment=PSI_REPLACE_AFTER=1s\n';
      await host.write('/etc/containers/systemd/psi.container.d/60-test.conf', dropIn);
      await host.ok('systemctl daemon-reload && systemctl restart psi.service');
      for (const name of Object.keys(OTHERS)) {
        const lookup = `podman secret inspect --format '{{index .Spec.Driver.Options "lookup"}}' ${name}`;
        await host.until(`${lookup} | grep -q psi-lookup`);
      }
      const id = (await host.ok("podman secret inspect --format '{{.ID}}' hsm.key")).trim();
      assert.deepEqual(JSON.parse(await host.read(`/var/lib/psi/${id}`)), JSON.parse(OTHERS['hsm.key']));
    },
  });
});
