// Secrets that Podman holds under driver commands of an earlier config: psi.service replaces them by itself, beside starts of which none fails,
// and a Podman that is killed in the middle, when it has deleted and not yet stored, costs none of them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { psiHostSupport, startPsiHost, type PsiHost, type PsiHostOptions } from './psi-host.ts';
import { steps } from '../hosts/steps.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const COUNT = 30;
const KEYS = Array.from({ length: COUNT }, (_, index) => `K${String(index)}`);
const STAGE: PsiHostOptions = {
  folders: { '/many': Object.fromEntries(KEYS.map((key) => [key, `value of ${key}`])) },
  workloads: { many: { secrets: [{ project: 'main', path: '/many' }] } },
  prepare: (host) =>
    host.write('/etc/containers/systemd/psi.container.d/soon.conf', '[Container]\nEnvironment=PSI_REPLACE_AFTER=1s\n'),
};

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost(STAGE);
  await stage.setup();
});
after(async () => {
  if (support.ok) await stage.stop();
});

/** How many secrets wait so long for PSI: as long as `lookup.timeout`, and 15 s for its start. */
const waiting = (timeout: number): string =>
  `podman secret inspect --format '{{index .Spec.Driver.Options "store"}}' $(podman secret ls -q) | grep -c -- '--max-time ${String(timeout + 15)} '`;

async function restartWith(timeout: number): Promise<void> {
  await stage.writeConfig({ ...STAGE, config: { lookup: { timeout: `${String(timeout)}s` } } });
  await stage.host.ok('systemctl restart psi.service');
}

/** All of them take so long on a host that is busy. */
const LONG_MS = 120_000;

const PODMAN_RUN = 'podman run --rm --network=none';

/** Each start has secrets of everywhere, some as variables and some as files. */
const STARTS = `
rm -f /run/failed /run/ran; touch /run/starting
while [ -e /run/starting ]; do
  for first in 0 1 2 3 4 5 6 7 8 9; do
    [ -e /run/starting ] || break
    ${PODMAN_RUN} --secret many--K$first,type=env,target=A --secret many--K1$first,type=env,target=B --secret many--K2$first \\
      localhost/psi-busybox:test sh -c 'echo "$A, $B, $(cat /run/secrets/many--K2'$first')"' >/run/said 2>&1
    [ "$(cat /run/said)" = "value of K$first, value of K1$first, value of K2$first" ] || cat /run/said >>/run/failed
    echo >>/run/ran
  done
done`;

async function assertWhole(): Promise<void> {
  assert.equal((await stage.host.ok('podman secret ls -q | wc -l')).trim(), String(COUNT));
  const flags = KEYS.map((key) => `--secret many--${key},type=env,target=${key}`).join(' ');
  const said = await stage.host.ok(`${PODMAN_RUN} ${flags} localhost/psi-busybox:test env`);
  for (const key of KEYS) assert.ok(said.includes(`${key}=value of ${key}\n`), `${key}: ${said}`);
  await stage.host.ok('test ! -e /var/lib/psi/replace.owed');
  assert.doesNotMatch((await stage.psi('status')).stdout, /^problem|^driver commands of before/m);
}

/** In the place of curl for Podman's own service: its first store kills it, when what was there is deleted, and from then on it is curl. */
const KILLING_CURL = `#!/bin/sh
case "$*" in
  *--data-binary*) if rm /run/kill-podman 2>/dev/null; then
    read -r _ _ _ podman _ </proc/$PPID/stat
    tr '\\0' ' ' </proc/$podman/cmdline >/run/killed
    kill -KILL $podman
    exit 1
  fi ;;
esac
exec /usr/bin/curl "$@"
`;

test('driver commands of before are replaced by psi.service itself', options, async (t) => {
  await steps(t, {
    'one after another after a restart, and no start fails beside it': async () => {
      const loop = stage.host.run(['bash', '-c', STARTS]);
      await stage.host.until('[ -e /run/ran ]');
      await restartWith(9);
      await stage.host.until(`[ $(${waiting(9)}) -ge 3 ]`);
      assert.match(
        (await stage.psi('status')).stdout,
        /^driver commands of before: \d+ secrets?; replaced one by one, /m,
      );
      await stage.host.until(`[ $(${waiting(9)}) = ${String(COUNT)} ]`, LONG_MS);
      await stage.host.ok('rm /run/starting');
      await loop;
      const failed = await stage.host.run('cat /run/failed');
      assert.equal(failed.stdout, '');
      const ran = Number(await stage.host.ok('wc -l </run/ran'));
      assert.ok(ran >= 10, `${String(ran)} starts`);
      await assertWhole();
    },
    'also where podman is killed between its delete and its store, and psi.service with it': async () => {
      const { host } = stage;
      const killPodman = async (): Promise<void> => {
        await host.ok('rm -f /run/killed; touch /run/kill-podman');
        await host.until('[ -s /run/killed ]');
        assert.match(await host.ok('cat /run/killed'), /podman .*system service/);
      };
      await host.write('/usr/local/bin/curl', KILLING_CURL, 0o755);
      await restartWith(10);
      await host.until(`[ $(${waiting(10)}) -ge 3 ]`);
      await killPodman();
      await host.until(`[ ! -e /run/kill-podman ] && [ $(${waiting(10)}) -ge 8 ]`);
      await killPodman();
      await host.ok('systemctl kill -s KILL psi.service');
      await host.until(`[ $(${waiting(10)}) = ${String(COUNT)} ] && [ ! -e /var/lib/psi/replace.owed ]`, LONG_MS);
      await host.ok('rm /usr/local/bin/curl');
      await assertWhole();
    },
  });
});
