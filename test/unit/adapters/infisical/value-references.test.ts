import assert from 'node:assert/strict';
import { test } from 'node:test';
import { referenceNames, referenceOf } from '../../../../src/adapters/infisical/references.ts';
import { named, neighboursIn } from '../../../../src/adapters/infisical/value-references.ts';

const HOME = { environment: 'prod', path: '/app' };

test('takes for a reference what the server does, and nothing else', () => {
  const text = 'a ${A} $B ${C:-x} ${d.e-f.G_1} ${@p.prod.K} ${} ${ A } ${..} $${A} ${A\n}';
  assert.deepEqual(referenceNames(text), ['A', 'd.e-f.G_1', '@p.prod.K', '..']);
});

test('knows where a reference leads', () => {
  assert.deepEqual(referenceOf('A'), { key: 'A', place: undefined });
  assert.deepEqual(referenceOf('dev.A'), { key: 'A', place: { environment: 'dev', path: '/' } });
  assert.deepEqual(referenceOf('dev.x.y.A'), { key: 'A', place: { environment: 'dev', path: '/x/y' } });
  assert.deepEqual(referenceOf('dev..A'), { key: 'A', place: { environment: 'dev', path: '/' } });
});

test('tells neighbours from what is elsewhere', () => {
  assert.deepEqual(neighboursIn('${A} ${prod.app.B} ${prod.C} ${dev.app.D} ${@p.prod.app.E}', HOME), ['A', 'B']);
});

test('names few, and none that is too long for a name', () => {
  assert.equal(named(['A', 'x.B']), '${A}, ${x.B}');
  assert.equal(named(['A', 'B', 'C', 'D', 'E', 'F']), '${A}, ${B}, ${C}, ${D}, ${E}, …');
  assert.equal(named(['K'.repeat(65)]), '${…}');
});
