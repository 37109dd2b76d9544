// NO_PROXY: which entry exempts which host. Networks and names as curl 7.88 was seen to take them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exemption } from '../../../../src/adapters/infisical/no-proxy.ts';

const cases: readonly (readonly [list: string, host: string, port: number, entry: string | undefined])[] = [
  ['', 'a.example.test', 443, undefined],
  [' , ', 'a.example.test', 443, undefined],
  ['*', 'a.example.test', 443, '*'],
  ['a.example.test', 'a.example.test', 443, 'a.example.test'],
  ['A.Example.TEST', 'a.example.test', 443, 'A.Example.TEST'],
  ['example.test', 'a.example.test', 443, 'example.test'],
  ['.example.test', 'a.example.test', 443, '.example.test'],
  ['.example.test', 'example.test', 443, '.example.test'],
  ['*.example.test', 'a.b.example.test', 443, '*.example.test'],
  ['example.test', 'badexample.test', 443, undefined],
  ['a.example.test', 'example.test', 443, undefined],
  ['example.test.', 'a.example.test', 443, 'example.test.'],
  ['example.test', 'a.example.test.', 443, 'example.test'],
  ['.', 'a.example.test', 443, undefined],
  ['other.test,example.test', 'a.example.test', 443, 'example.test'],
  ['other.test example.test', 'a.example.test', 443, 'example.test'],
  ['a.example.test:8443', 'a.example.test', 8443, 'a.example.test:8443'],
  ['a.example.test:8443', 'a.example.test', 443, undefined],
  ['example.test:443', 'a.example.test', 443, 'example.test:443'],
  ['10.1.2.3', '10.1.2.3', 443, '10.1.2.3'],
  ['10.1.2.3:80', '10.1.2.3', 443, undefined],
  ['10.1.2.3:443', '10.1.2.3', 443, '10.1.2.3:443'],
  ['1.2.3', '10.1.2.3', 443, undefined],
  ['.2.3', '10.1.2.3', 443, undefined],
  ['10.0.0.0/8', '10.1.2.3', 443, '10.0.0.0/8'],
  ['10.0.0.0/16', '10.1.2.3', 443, undefined],
  ['10.0.0.0/33', '10.1.2.3', 443, undefined],
  ['10.0.0.0/', '10.1.2.3', 443, undefined],
  ['10.0.0.0/8', 'a.example.test', 443, undefined],
  ['fd00::1', 'fd00::1', 443, 'fd00::1'],
  ['FD00:0::1', 'fd00::1', 443, 'FD00:0::1'],
  ['[fd00::1]', 'fd00::1', 443, '[fd00::1]'],
  ['[fd00::1]:8443', 'fd00::1', 8443, '[fd00::1]:8443'],
  ['[fd00::1]:8443', 'fd00::1', 443, undefined],
  ['fd00::/8', 'fd00::1', 443, 'fd00::/8'],
  ['fd00::/129', 'fd00::1', 443, undefined],
  ['::/0', '10.1.2.3', 443, undefined],
];

for (const [list, host, port, entry] of cases) {
  test(`"${list}" ${entry === undefined ? 'leaves' : 'exempts'} ${host} at ${String(port)}`, () => {
    assert.equal(exemption(list, { host, port }), entry);
  });
}
