import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expand, specifiersOf, unitNames } from '../../../../src/transfer/quadlet/specifiers.ts';
import { SYSTEM, USER } from './stage.ts';

const user = unitNames('my-app.container', undefined, USER);
const withoutHome = unitNames('a.container', undefined, {
  scope: 'user',
  specifiers: specifiersOf('user', {}, { uid: 1000, name: undefined }),
});
const plain = unitNames('my-app.container', undefined, SYSTEM);
const instance = unitNames('worker@eu-1.container', undefined, SYSTEM);
const template = unitNames('worker@.container', undefined, SYSTEM);

const RESOLVED: readonly (readonly [text: string, unit: typeof plain, result: string])[] = [
  ['100%% %n %N %p %j', plain, '100% my-app.service my-app my-app app'],
  ['[%i]', plain, '[]'],
  ['%n %p %i %I', instance, 'worker@eu-1.service worker eu-1 eu/1'],
  ['%p', template, 'worker'],
  ['%P', plain, 'my/app'],
  ['%h %t %E %S %C %L %U %u', plain, '/root /run /etc /var/lib /var/cache /var/log 0 root'],
  ['%h %t %E', user, '/home/ann /run/user/1000 /home/ann/.config'],
  ['%S %C %L', user, '/home/ann/.local/state /home/ann/.cache /home/ann/.local/state/log'],
  ['%U %u', user, '1000 ann'],
  ['%t %U', withoutHome, '/run/user/1000 1000'],
  ['p%%40ss', plain, 'p%40ss'],
  ['50%', plain, '50%'],
  ['5%! 6% 7', plain, '5%! 6% 7'],
  ['a$$b $$$$ $HOME', plain, 'a$b $$ $HOME'],
  ['$${X}', plain, '${X}'],
];

for (const [text, unit, result] of RESOLVED) {
  test(`resolves ${text} in ${unit.full}`, () => {
    assert.deepEqual(expand(text, unit), { text: result });
  });
}

const REFUSED: readonly (readonly [text: string, unit: typeof plain])[] = [
  ['%h', withoutHome],
  ['%u', withoutHome],
  ['%g', user],
  ['p%40ss', plain],
  ['100%5', plain],
  ['%z', plain],
  ['%i', template],
  ['%n', template],
  ['${HOME}', plain],
  ['$$${X}', plain],
  ['%P', unitNames('a\\x2db.container', undefined, SYSTEM)],
];

for (const [text, unit] of REFUSED) {
  test(`does not guess at ${text} in ${unit.full} (${unit.scope})`, () => {
    assert.notEqual(expand(text, unit).unclear, undefined);
  });
}

test('ServiceName= names the service', () => {
  assert.deepEqual(expand('%n', unitNames('a.container', 'other', SYSTEM)), { text: 'other.service' });
});

test('what systemd does not start the unit for is named with what to write', () => {
  assert.match(String(expand('u:p%40ss@db', plain).unclear), /write %%40$/);
  assert.match(String(expand('%z', plain).unclear), /write %%z$/);
  assert.match(String(expand('%H', plain).unclear), /psi cannot tell/);
});
