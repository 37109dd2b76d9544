// The world as an adapter of a provider sees it: files that a test fills, a clock that stands still, nothing else.

import { SecretValue } from '../../src/core/secret-value.ts';
import { AnswersInFlight } from '../../src/provider/answers-in-flight.ts';
import type { ProviderTools } from '../../src/provider/provider.ts';
import { FakeClock } from './clock.fake.ts';

export function fakeProviderTools(files: ReadonlyMap<string, string> = new Map()): ProviderTools {
  return {
    clock: new FakeClock(),
    env: {},
    version: 'test',
    readFile: (path) => {
      const text = files.get(path);
      return text === undefined
        ? Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' }))
        : Promise.resolve(new TextEncoder().encode(text));
    },
    resolveSecret: (field) => Promise.resolve(SecretValue.fromText(field.kind)),
    tokenStore: {
      get: () => Promise.resolve(undefined),
      put: () => Promise.resolve(),
      remove: () => Promise.resolve(),
    },
    answers: new AnswersInFlight().upTo(1 << 26),
    bootId: () => Promise.resolve('this boot'),
  };
}
