import { PsiError } from '../../src/core/error.ts';
import { FakeSecretSource } from '../fakes/secret-source.fake.ts';
import type { Generation } from '../doubles/infisical/model.ts';
import { CLIENT_SECRET, PROD, startStage } from './infisical/stage.ts';
import { secretSourceContract, type SourceUnderTest } from './secret-source.contract.ts';

secretSourceContract(
  'fake',
  () => {
    const source = new FakeSecretSource();
    const failures = {
      denied: new PsiError('PROVIDER_DENIED', 'no right'),
      down: new PsiError('PROVIDER_DOWN', 'refused', { retry: 'later' }),
      limit: new PsiError('THROTTLED', 'slow down', { retry: 'later', retryAfterMs: 30_000 }),
    };
    return Promise.resolve({
      source,
      set: (path, key, value) => {
        source.set('main', path, key, value);
      },
      failNext: (how) => {
        source.failNext(failures[how]);
      },
      hang: () => void source.hold(),
      stop: () => Promise.resolve(),
    });
  },
  { knowsMissingFolders: true, hides: true },
);

async function overHttp(generation: Generation): Promise<SourceUnderTest> {
  const stage = await startStage({ double: { generation } });
  const { double } = stage;
  double.knobs.set({ unreadableInList: 'hide' });
  const failures = {
    // The server of 2024 swaps the two.
    denied: { status: generation === 'v4' ? 403 : 401, error: 'PermissionDenied', message: 'no right', times: 1 },
    down: { status: 500, error: 'InternalServerError', message: 'Something went wrong', times: 3 },
    limit: { status: 429, error: 'RateLimitExceeded', message: 'Please try again in 30 seconds', times: 1 },
  };
  return {
    source: stage.source,
    set: (path, key, value) => {
      double.state.setSecret({ ...PROD, path, key, value: value ?? CLIENT_SECRET });
      if (value === null) double.state.deny('client-1', { path, key, actions: ['readValue'] });
    },
    failNext: (how) => {
      const { status, times, ...body } = failures[how];
      double.knobs.failNext(times, { status, body: { ...body, statusCode: status }, only: ['list', 'get'] });
    },
    hang: () => {
      double.knobs.set({ outage: 'hang' });
    },
    stop: stage.stop,
  };
}

secretSourceContract('infisical', () => overHttp('v4'), { knowsMissingFolders: true, hides: true });
secretSourceContract('infisical of 2024', () => overHttp('2024'), { knowsMissingFolders: false, hides: false });
