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
      addFolder: (path) => {
        source.addFolder('main', path);
      },
      failNext: (how) => {
        source.failNext(failures[how]);
      },
      hang: () => void source.hold(),
      stop: () => Promise.resolve(),
    });
  },
  { knowsMissingFolders: true, missingParent: [], hides: true },
);

async function overHttp(generation: Generation): Promise<SourceUnderTest> {
  const stage = await startStage({ double: { generation } });
  const { double } = stage;
  double.knobs.set({ unreadableInList: 'hide' });
  const failures = {
    // The server of 2024 swaps the two.
    denied: { status: generation === '2024' ? 401 : 403, error: 'PermissionDenied', message: 'no right', times: 1 },
    down: { status: 500, error: 'InternalServerError', message: 'Something went wrong', times: 3 },
    limit: { status: 429, error: 'RateLimitExceeded', message: 'Please try again in 30 seconds', times: 1 },
  };
  return {
    source: stage.source,
    set: (path, key, value) => {
      double.state.setSecret({ ...PROD, path, key, value: value ?? CLIENT_SECRET });
      if (value === null) double.state.deny('client-1', { path, key, actions: ['readValue'] });
    },
    addFolder: (path) => {
      double.state.addFolder({ ...PROD, path });
    },
    failNext: (how) => {
      const { status, times, ...body } = failures[how];
      double.knobs.failNext(times, { status, body: { ...body, statusCode: status }, only: ['list', 'get', 'folders'] });
    },
    hang: () => {
      double.knobs.set({ outage: 'hang' });
    },
    stop: stage.stop,
  };
}

// What a server says of the folders of a missing folder was seen on June 2025 (row 30).
const CURRENT = { knowsMissingFolders: true, missingParent: [], hides: true } as const;
const MID_2025 = { ...CURRENT, knowsMissingFolders: false } as const;

secretSourceContract('infisical', () => overHttp('v4'), CURRENT);
secretSourceContract('infisical of 2025 with v4', () => overHttp('2025-v4'), MID_2025);
secretSourceContract('infisical of 2025', () => overHttp('2025'), MID_2025);
secretSourceContract('infisical of 2024', () => overHttp('2024'), { ...MID_2025, hides: false });
