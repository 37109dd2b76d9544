import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expand, unitNames } from '../../../../src/transfer/quadlet/specifiers.ts';

const plain = unitNames('my-app.container', undefined, 'system');
const instance = unitNames('worker@eu-1.container', undefined, 'system');
const template = unitNames('worker@.container', undefined, 'system');

const RESOLVED: readonly (readonly [text: string, unit: typeof plain, result: string])[] = [
  ['100%% %n %N %p %j', plain, '100% my-app.service my-app my-app app'],
  ['[%i]', plain, '[]'],
  ['%n %p %i %I', instance, 'worker@eu-1.service worker eu-1 eu/1'],
  ['%p', template, 'worker'],
  ['%P', plain, 'my/app'],
  ['%t %S %U', plain, '/run /var/lib 0'],
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
  ['%h', plain],
  ['%z', plain],
  ['%i', template],
  ['%n', template],
  ['${HOME}', plain],
  ['$$${X}', plain],
  ['%t', unitNames('a.container', undefined, 'user')],
  ['%P', unitNames('a\\x2db.container', undefined, 'system')],
];

for (const [text, unit] of REFUSED) {
  test(`does not guess at ${text} in ${unit.full} (${unit.scope})`, () => {
    assert.notEqual(expand(text, unit).unclear, undefined);
  });
}

test('ServiceName= names the service', () => {
  assert.deepEqual(expand('%n', unitNames('a.container', 'other', 'system')), { text: 'other.service' });
});
