// Which of the archives that apt is set up with can make a Debian root.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mirrorIn } from '../../hosts/apt-mirror.ts';

test('finds the Debian archive in either format of sources and skips the security one', () => {
  const deb822 =
    'Types: deb\n# URIs: http://old.example/debian\nURIs: http://a.example/debian-security http://a.example/debian\n';
  assert.equal(mirrorIn(deb822), 'http://a.example/debian');
  const list =
    '# deb http://old.example/debian trixie main\ndeb [signed-by=/k.gpg] https://b.example/debian/ trixie main\n';
  assert.equal(mirrorIn(list), 'https://b.example/debian/');
});

test('finds none among archives of other distributions', () => {
  assert.equal(
    mirrorIn('deb http://a.example/ubuntu noble main\ndeb-src http://a.example/debian trixie main\n'),
    undefined,
  );
  assert.equal(mirrorIn(''), undefined);
});
