// What comes from outside and has no good end by itself: a wait of 115 days, a variable that the next shell runs, a bus that was away.

import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run } from '../hosts/run.ts';
import { isGet, isList } from './observed/front.ts';
import { said, stage } from './observed/stage.ts';

/** Killed: it was still waiting then. */
const WAITS_ON = 137;

const WAITS: readonly (readonly [string, string, string])[] = [
  ['of 115 days', '9999999', 'Rate limit exceeded'],
  ['until the year 9999', 'Fri, 31 Dec 9999 23:59:59 GMT', 'Rate limit exceeded'],
  ['beyond all numbers', '', 'Rate limit exceeded. Please try again in 99999999999999999999 seconds'],
];

for (const [what, header, message] of WAITS) {
  test(`a wait ${what} keeps no setup sleeping: it says who asks for it, and PSI tries again by itself`, async (t) => {
    const it = await stage(t, { folders: { '/app': { A: 'value a' } } });
    it.front.answer = (asked) => {
      if (!isList(asked) && !isGet(asked)) return undefined;
      const body = { reqId: 'req-limit', statusCode: 429, message, error: 'RateLimitExceeded' };
      return { status: 429, body, headers: header === '' ? {} : { 'retry-after': header } };
    };
    const env = { PATH: process.env['PATH'], PSI_CONFIG: it.psi.configFile };
    const ended = await run([...PSI_UNDER_TEST, 'setup'], { env, timeoutMs: 10_000 });
    assert.notEqual(ended.code, WAITS_ON, `setup waits without an end: ${said(ended)}`);
    assert.match(said(ended), /infisical limits requests \(429\)/);
    assert.match((await it.psi.cli('status')).stdout, /tried again|next try|setup owed/i);
    assert.equal((await ask(it.psi.socket, 'GET', '/healthz')).status, 200);
  });
}

test('a secret that the next shell would run, or would change, is left out of `env` by name', async (t) => {
  const it = await stage(t, { folders: { '/app': { ENV: '/tmp/evil', SHLVL: '7', GOOD: 'value' } } });
  const { stdout, stderr, code } = await it.env('/app');
  assert.match(stdout, /GOOD='?value'?/);
  assert.doesNotMatch(stdout, /\bENV=|SHLVL/);
  for (const name of ['ENV', 'SHLVL']) assert.match(stderr, new RegExp(`\\b${name}\\b`));
  assert.notEqual(code, 0);
});

test('a reload of systemd that failed is made up for by the next setup, though nothing has changed', async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a' } } });
  const bus = join(it.options.dir, 'bus');
  await rename(bus, `${bus}.away`);
  const first = await it.setup();
  assert.notEqual(first.code, 0, said(first));
  assert.deepEqual(await it.targets(), ['A']);
  await rename(`${bus}.away`, bus);
  const before = it.reloads.count;
  const second = await it.setup();
  assert.equal(second.code, 0, said(second));
  assert.equal(it.reloads.count, before + 1, 'systemd has not read the drop-in');
});
