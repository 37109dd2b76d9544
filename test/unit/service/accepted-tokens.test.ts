import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SecretValue } from '../../../src/core/secret-value.ts';
import { AcceptedTokens } from '../../../src/service/accepted-tokens.ts';

const token = (text: string): SecretValue => SecretValue.fromText(text);
const texts = ({ all }: AcceptedTokens): readonly string[] => all.map((one) => one.exposeText());

test('while secrets move from one token to another, both are accepted, and afterwards the new one alone', () => {
  const tokens = new AcceptedTokens(token('old'));
  tokens.admit(token('new'));
  assert.deepEqual(texts(tokens), ['old', 'new']);
  tokens.settle(token('new'));
  assert.deepEqual(texts(tokens), ['new']);
});

test('whatever was valid since the last setup that went well stays valid, each token once', () => {
  const tokens = new AcceptedTokens(token('a'));
  for (const next of ['b', 'b', 'c', 'b']) tokens.admit(token(next));
  assert.deepEqual(texts(tokens), ['a', 'c', 'b']);
});

test('an open socket stays open until every secret sends the new token', () => {
  const tokens = new AcceptedTokens(undefined);
  tokens.admit(token('first'));
  assert.deepEqual(texts(tokens), []);
  tokens.settle(token('first'));
  assert.deepEqual(texts(tokens), ['first']);
});

test('a socket that shall ask for no token is open at once: the secrets that are moved already send none', () => {
  const tokens = new AcceptedTokens(token('old'));
  tokens.admit(undefined);
  assert.deepEqual(texts(tokens), []);
});
