import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SecretValue } from '../../../src/core/secret-value.ts';
import { OpenedValues } from '../../../src/sealed/opened-values.ts';

const value = (text: string): SecretValue => SecretValue.fromText(text);

test('opens once for all who ask meanwhile, and never again', async () => {
  const opened = new OpenedValues();
  let opens = 0;
  const open = (): Promise<SecretValue> => {
    opens += 1;
    return Promise.resolve(value('v'));
  };
  await Promise.all([opened.get('a', open), opened.get('a', open)]);
  assert.equal(opens, 1);
  assert.ok(opened.get('a', open) instanceof SecretValue);
});

test('remembers no failure', async () => {
  const opened = new OpenedValues();
  await assert.rejects(async () => opened.get('a', () => Promise.reject(new Error('away'))));
  assert.equal((await opened.get('a', () => Promise.resolve(value('v')))).exposeText(), 'v');
});

test('what was read before a value changed is not remembered after it', async () => {
  const opened = new OpenedValues();
  const { promise, resolve } = Promise.withResolvers<SecretValue>();
  const slow = opened.get('a', () => promise);
  opened.remember('a', value('new'));
  resolve(value('old'));
  await slow;
  const now = opened.get('a', () => assert.fail('it is in memory'));
  assert.ok(now instanceof SecretValue);
  assert.equal(now.exposeText(), 'new');
  opened.forget('a');
  assert.equal((await opened.get('a', () => Promise.resolve(value('newest')))).exposeText(), 'newest');
});

test('holds no more bytes than it may, the newest last', async () => {
  const opened = new OpenedValues(10);
  const opens: string[] = [];
  const ask = async (key: string): Promise<void> => {
    await opened.get(key, () => {
      opens.push(key);
      return Promise.resolve(value('12345'));
    });
  };
  for (const key of ['a', 'b', 'c', 'b', 'c', 'a']) await ask(key);
  assert.deepEqual(opens, ['a', 'b', 'c', 'a']);
});
