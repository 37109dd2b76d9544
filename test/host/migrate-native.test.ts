// Native mode, of the system and of a user on the same host: both come over as a host in container mode does (migrate.test.ts).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownContainer } from '../../src/host/command/own-container.ts';
import { imageStore, PSI_IMAGE } from '../hosts/image.ts';
import { steps } from '../hosts/steps.ts';
import { installCommand, psiHostSupport } from './psi-host.ts';
import {
  asked,
  assertComesOver,
  assertFiles,
  assertIsOurs,
  BEARER,
  layOut,
  STAGE,
  SYSTEM,
  USER,
} from './python-host.ts';
import { HOME, startRootlessHost } from './rootless-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

test('hosts in native mode', options, async (t) => {
  const { host, user } = await startRootlessHost('trixie', STAGE, { imageStore: await imageStore() });
  t.after(() => host.stop());
  const podmanRun = (await installCommand()).replace(` ${PSI_IMAGE}`, '');
  const system = { host, root: host, mode: 'native', places: SYSTEM, podmanRun } as const;
  const ofUser = { ...system, host: user, places: USER, podmanRun: ownContainer('user', '').trimEnd() };
  const says = [
    /^note: hsm\.key: its value is sealed by the token/m,
    /^note: psi-secrets\.service: it is another name of psi\.service/m,
  ];
  await steps(t, {
    'the system is laid out': () => layOut(system),
    'a psi that does not start: the old server runs, and the way back leads to it': async () => {
      // It ends as soon as it is started.
      const { code, stderr } = await host.run(`${podmanRun} ${PSI_IMAGE} migrate --image ${host.image} --apply`);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^error: the migration ended at: start psi\.service: psi\.service did not start$/m);
      const back = /or go back: `([^`]*)`/.exec(stderr)?.[1] ?? '';
      await host.ok(back);
      await host.until(`curl -sf --unix-socket /run/psi/psi.sock http://localhost/healthz | grep -qx ok`);
      assert.equal(await asked(system, BEARER), '200');
      assert.equal(await asked(system, ''), '401');
    },
    'the system comes over, killed on the way, and no lookup fails': () => assertComesOver(system, says),
    'the socket and the commands of the system are those of this psi': () => assertIsOurs(system),
    'files of the system are where they belong': () => assertFiles(system),
    'no link of its units is left': async () => {
      const links = await host.ok('find /etc/systemd/system -type l -lname "*psi-secrets*"');
      assert.equal(links, '');
    },
    'the user is laid out': () => layOut(ofUser),
    'the user comes over, killed on the way, and no lookup fails': () =>
      assertComesOver(ofUser, [...says, /^note: psi-socket-token: it stood in a unit in the clear/m]),
    'the socket and the commands of the user are those of this psi': () => assertIsOurs(ofUser),
    'files of the user are where they belong': async () => {
      await assertFiles(ofUser);
      assert.match(await user.read(`${HOME}/.config/psi/config.yaml`), /file: .*\/psi-socket-token/);
      assert.equal((await user.ok(`stat -c %a ${HOME}/.config/psi/psi-socket-token`)).trim(), '600');
    },
  });
});
