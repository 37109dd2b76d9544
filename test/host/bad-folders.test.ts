// One folder's trouble stays there: while its container is started again each second, every other workload of the host starts.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { psiHostSupport, sleeper, startPsiHost, type PsiHost } from './psi-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const GOOD = Array.from({ length: 14 }, (_, index) => `good${String(index + 1)}`);
const BAD = ['bad1', 'bad2'] as const;
const ALL = [...GOOD, ...BAD];

/** systemd starts it again a second after each failure, for ever. */
const restless = sleeper('[Service]', 'Restart=always', 'RestartSec=1');

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost({
    folders: Object.fromEntries(ALL.map((name) => [`/${name}`, { KEY: `value of ${name}` }])),
    workloads: Object.fromEntries(ALL.map((name) => [name, { secrets: [{ project: 'main', path: `/${name}` }] }])),
    quadlets: {
      ...Object.fromEntries(GOOD.map((name) => [`${name}.container`, sleeper()])),
      ...Object.fromEntries(BAD.map((name) => [`${name}.container`, restless])),
    },
    // No list may be left over from the start before.
    config: { lookup: { timeout: '1s', batch_window: 0 } },
  });
  await stage.setup();
});
after(async () => {
  if (support.ok) await stage.stop();
});
afterEach(async () => {
  if (!support.ok) return;
  await stage.host.ok(['systemctl', 'stop', ...ALL.map((name) => `${name}.service`)]);
  await stage.double('DELETE', '/knobs');
  await stage.host.ok('systemctl restart psi.service');
});

const WAYS: readonly (readonly [string, object, readonly string[]])[] = [
  ['one folder answers 500', { status: 500 }, BAD.slice(0, 1)],
  ['one folder does not answer', { outage: 'hang' }, BAD.slice(0, 1)],
  ['one folder answers in another shape', { malformed: 'wrong-shape' }, BAD.slice(0, 1)],
  ['two folders do not answer', { outage: 'hang' }, BAD],
];

describe('while containers of folders that fail are started again each second', () => {
  for (const [what, knobs, bad] of WAYS) {
    test(`every other workload starts: ${what}`, options, async () => {
      const { host } = stage;
      await stage.double('PATCH', '/knobs', {
        ...knobs,
        folders: bad.map((name) => `/${name}`),
        only: ['list', 'get'],
      });
      await host.run(['systemctl', 'start', '--no-block', ...bad.map((name) => `${name}.service`)]);
      for (const name of bad) {
        await host.until(`test "$(systemctl show --value -p NRestarts ${name}.service)" -ge 2`);
      }
      for (const name of GOOD) {
        const started = await host.run(`systemctl start ${name}.service`);
        assert.equal(started.code, 0, `${name} does not start: ${await host.journal(`${name}.service`)}`);
      }
      assert.equal((await stage.environ('systemd-good14')).get('KEY'), 'value of good14');
      for (const name of bad) {
        assert.notEqual((await host.run(`systemctl is-active --quiet ${name}.service`)).code, 0, 'a bad one runs');
        assert.match(await host.journal(`${name}.service`), new RegExp(`psi: ${name}--KEY: `));
      }
    });
  }
});
