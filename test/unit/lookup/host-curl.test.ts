import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curlRefusal, HostCurl } from '../../../src/lookup/host-curl.ts';

test('the last curl that called is the one of the host; other programs change nothing', () => {
  const curl = new HostCurl({ socket: '/run/psi/psi.sock' });
  for (const agent of [undefined, '', 'Python-urllib/3.11', 'libcurl/7.61.0', 'curl/', 'curl/x', 'curl/7.61.0.1.2']) {
    curl.saw(agent);
    assert.ok(!curl.status, agent);
  }
  curl.saw('curl/7.61.1');
  assert.equal(curl.problem?.code, 'HOST');
  curl.saw('wget/1.21');
  assert.equal(curl.status?.version, '7.61.1');
  curl.saw('curl/8.14.1');
  assert.deepEqual([curl.status, curl.problem], [{ version: '8.14.1', limit: null }, undefined]);
});

test('what is worse with an earlier curl is said', () => {
  const limit = (version: string): string | null | undefined => {
    const curl = new HostCurl({ socket: '/run/psi/psi.sock' });
    curl.saw(`curl/${version}`);
    return curl.status?.limit;
  };
  for (const version of ['7.29.0', '7.61.1', '7.62.0', '6.5', '7.62.0-DEV'])
    assert.match(limit(version) ?? '', /7\.63/);
  for (const version of ['7.63.0', '7.74.0', '7.75.0-DEV']) assert.match(limit(version) ?? '', /7\.76/);
  for (const version of ['7.76.1', '7.88.1', '8.0.0', '10.1.0']) assert.equal(limit(version), null);
});

test('only our own command with a curl before 7.63 is refused', () => {
  const code = (own: boolean, agent: string | undefined): string | undefined => curlRefusal({ own, agent })?.code;
  assert.deepEqual(
    [
      code(true, 'curl/7.61.1'),
      code(true, 'curl/7.63.0'),
      code(true, 'Python-urllib/3.11'),
      code(true, undefined),
      code(false, 'curl/7.61.1'),
    ],
    ['HOST', undefined, undefined, undefined, undefined],
  );
});
