import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { foreignPart, parseFolder } from '../../../src/core/secret-path.ts';

const TAKEN: readonly (readonly [string, string])[] = [
  ['/', '/'],
  ['///', '/'],
  ['/app', '/app'],
  ['app', '/app'],
  ['//app', '/app'],
  ['/app/', '/app'],
  ['app//db/', '/app/db'],
  ['/a.b/..c/...', '/a.b/..c/...'],
  ['/bad folder', '/bad folder'],
];
for (const [text, path] of TAKEN) {
  test(`${text} is the folder ${path}`, () => {
    assert.equal(parseFolder(text), path);
  });
}

const REFUSED: readonly (readonly [string, RegExp, string | undefined])[] = [
  ['', /empty/, '/'],
  ['/a/./b', /`\.` or `\.\.`/, '/a/b'],
  ['/a/../b', /`\.` or `\.\.`/, '/b'],
  ['../b c', /`\.` or `\.\.`/, undefined],
  ['/app\n', /control character/, '/app'],
  ['/a\u0007pp/', /control character/, '/app'],
  ['/app\u2028', /control character/, '/app'],
  ['/app\ud800', /control character/, '/app'],
  [`/${'x'.repeat(1024)}`, /longer than 1024/, undefined],
];
for (const [text, reason, meant] of REFUSED) {
  test(`${JSON.stringify(text).slice(0, 20)} is no folder`, () => {
    const refused = parseFolder(text);
    assert.ok(typeof refused !== 'string');
    assert.match(refused.reason, reason);
    assert.equal(refused.meant, meant);
  });
}

const part = fc.constantFrom('', '.', '..', 'app', 'db-1', 'a_b', ' x ', 'ü', 'a\nb', '\ud83d');
const written = fc.array(part, { maxLength: 6 }).map((parts) => parts.join('/'));

test('a folder is spelt in one way, and what is proposed for a refused one is a folder', () => {
  fc.assert(
    fc.property(fc.oneof(written, fc.string({ maxLength: 20 })), (text) => {
      const read = parseFolder(text);
      const path = typeof read === 'string' ? read : read.meant;
      if (path === undefined) return;
      assert.match(path, /^\/(?:[^/]+(?:\/[^/]+)*)?$/);
      assert.equal(parseFolder(path), path);
      if (typeof read !== 'string') assert.equal(foreignPart(path), undefined);
    }),
  );
});

test('a name that servers since 2025 refuse is found, with what was probably meant', () => {
  assert.equal(foreignPart('/'), undefined);
  assert.equal(foreignPart('/App_1/db-2'), undefined);
  assert.deepEqual(foreignPart('/app/bad folder'), { part: 'bad folder', meant: undefined });
  assert.deepEqual(foreignPart('/app /my.db'), { part: 'app ', meant: undefined });
  assert.deepEqual(foreignPart('/app /db'), { part: 'app ', meant: '/app/db' });
  assert.deepEqual(foreignPart('/äpfel'), { part: 'äpfel', meant: undefined });
});
