// Blocks of a PEM text and where they stand. What is in them is nobody's business here.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificateBlocks, pemBlocks } from '../../../src/core/text/pem.ts';

const block = (label: string, body = 'AAAA'): string => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
const places = (text: string): readonly unknown[] =>
  pemBlocks(text).map(({ label, number, line, open }) => [label, number, line, open]);

test('a text without blocks has none', () => {
  for (const text of ['', 'no PEM at all', '----BEGIN CERTIFICATE----', '-----END CERTIFICATE-----\n']) {
    assert.deepEqual(pemBlocks(text), []);
  }
});

test('blocks have numbers and lines, whatever stands between them', () => {
  const text = `# Lab CA\n\n${block('CERTIFICATE')}subject=/CN=b\n${block('PRIVATE KEY')}${block('CERTIFICATE')}`;
  assert.deepEqual(places(text), [
    ['CERTIFICATE', 1, 3, false],
    ['PRIVATE KEY', 2, 7, false],
    ['CERTIFICATE', 3, 10, false],
  ]);
});

test('all line ends count as one, and blanks at the end of a line as nothing', () => {
  for (const end of ['\r\n', '\r', '  \n', '\t\r\n']) {
    const text = `text\n${block('CERTIFICATE')}${block('CERTIFICATE')}`.replaceAll('\n', end);
    assert.deepEqual(
      pemBlocks(text).map(({ line, text: one }) => [line, one]),
      [
        [2, block('CERTIFICATE')],
        [5, block('CERTIFICATE')],
      ],
      JSON.stringify(end),
    );
  }
});

test('a block without an end is open, and the next one is its own', () => {
  const cut = block('CERTIFICATE').replace(/-----END.*\n/, '');
  assert.deepEqual(places(`${cut}${block('CERTIFICATE')}`), [
    ['CERTIFICATE', 1, 1, true],
    ['CERTIFICATE', 2, 3, false],
  ]);
  assert.deepEqual(places(`${block('CERTIFICATE')}${cut}`).at(-1), ['CERTIFICATE', 2, 4, true]);
  assert.deepEqual(places(`${cut}-----END PRIVATE KEY-----\n`), [['CERTIFICATE', 1, 1, true]]);
});

test('certificates are those that OpenSSL takes for one', () => {
  const labels = [
    'CERTIFICATE',
    'X509 CERTIFICATE',
    'TRUSTED CERTIFICATE',
    'CERTIFICATE REQUEST',
    'X509 CRL',
    'EC KEY',
  ];
  const found = certificateBlocks(labels.map((label) => block(label)).join(''));
  assert.deepEqual(
    found.map(({ label, number }) => [label, number]),
    [
      ['CERTIFICATE', 1],
      ['X509 CERTIFICATE', 2],
      ['TRUSTED CERTIFICATE', 3],
    ],
  );
});
