import { PsiError } from '../../src/core/error.ts';
import { createInfisicalSource } from '../../src/adapters/infisical/source.ts';
import { createInfisicalWriter } from '../../src/adapters/infisical/writer.ts';
import type { Generation } from '../doubles/infisical/model.ts';
import { FakeSecretSource } from '../fakes/secret-source.fake.ts';
import { FakeSecretWriter } from '../fakes/secret-writer.fake.ts';
import { startStage } from './infisical/stage.ts';
import { secretWriterContract, type WriterUnderTest } from './secret-writer.contract.ts';

secretWriterContract('fake', () => {
  const source = new FakeSecretSource();
  const writer = new FakeSecretWriter(source);
  source.addFolder('main', '/');
  const failures = {
    denied: new PsiError('PROVIDER_DENIED', 'no right'),
    down: new PsiError('PROVIDER_DOWN', 'refused', { retry: 'later' }),
    limit: new PsiError('THROTTLED', 'slow down', { retry: 'later', retryAfterMs: 30_000 }),
  };
  return Promise.resolve({
    writer,
    source,
    requireApproval: () => {
      writer.approval = 'request-1';
    },
    failNext: (how) => {
      writer.failNext(failures[how]);
    },
    stop: () => Promise.resolve(),
  });
});

async function overHttp(generation: Generation): Promise<WriterUnderTest> {
  const { double, connect, stop } = await startStage({ double: { generation } });
  const connection = connect();
  const failures = {
    // The server of 2024 swaps the two.
    denied: { status: generation === 'v4' ? 403 : 401, error: 'PermissionDenied', message: 'no right' },
    // Once is enough: what creates secrets is not asked a second time.
    down: { status: 500, error: 'InternalServerError', message: 'Something went wrong' },
    limit: { status: 429, error: 'RateLimitExceeded', message: 'Please try again in 30 seconds' },
  };
  return {
    writer: createInfisicalWriter(connection),
    source: createInfisicalSource(connection),
    requireApproval: () => {
      double.knobs.set({ approvals: true });
    },
    failNext: (how) => {
      const { status, ...body } = failures[how];
      double.knobs.failNext(1, { status, body: { ...body, statusCode: status }, only: ['write'] });
    },
    stop,
  };
}

secretWriterContract('infisical', () => overHttp('v4'));
secretWriterContract('infisical of 2024', () => overHttp('2024'));
