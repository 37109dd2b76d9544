import { createCertificateAuthority } from '../../src/adapters/infisical/certificates.ts';
import { PsiError } from '../../src/core/error.ts';
import { FakeCertificateAuthority } from '../fakes/certificate-authority.fake.ts';
import { FakeClock } from '../fakes/clock.fake.ts';
import { certificateAuthorityContract, WANTED } from './certificate-authority.contract.ts';
import { PROD, startStage } from './infisical/stage.ts';

certificateAuthorityContract('fake', () => {
  const clock = new FakeClock();
  const authority = new FakeCertificateAuthority(clock);
  const failures = {
    denied: new PsiError('PROVIDER_DENIED', 'no right'),
    down: new PsiError('PROVIDER_DOWN', 'away', { retry: 'later' }),
  };
  return Promise.resolve({
    authority,
    defer: (status) => {
      authority.pendingAs = status;
    },
    decide: (outcome, reason) => {
      authority.decide(outcome, reason);
    },
    revoke: (id) => {
      authority.revoke(id);
    },
    hideKeys: () => {
      authority.hidesKeys = true;
    },
    failNext: (how) => {
      authority.failNext('issue', '', failures[how]);
      authority.failNext('renew', '', failures[how]);
    },
    orders: () => authority.calls.filter((call) => /^(?:issue|renew) /.test(call)).length,
    pass: (ms) => clock.advance(ms),
    stop: () => Promise.resolve(),
  });
});

certificateAuthorityContract('infisical', async () => {
  const stage = await startStage();
  const { double } = stage;
  double.pki.addProfile({ id: WANTED.profileId, project: PROD.project });
  const failures = {
    denied: { status: 403, error: 'PermissionDenied', message: 'no right' },
    down: { status: 500, error: 'InternalServerError', message: 'Something went wrong' },
  };
  return {
    authority: createCertificateAuthority(stage.connect()),
    defer: (status) => {
      double.pki.set({ mode: status === 'pending_approval' ? 'approval' : 'external', status });
    },
    decide: (outcome, errorMessage) => {
      double.pki.set({ outcome, errorMessage });
      double.pki.decideAll();
    },
    revoke: (id) => {
      double.pki.revoke(id);
    },
    hideKeys: () => {
      double.pki.set({ deny: ['read-private-key'] });
    },
    failNext: (how) => {
      const { status, ...body } = failures[how];
      double.knobs.failNext(1, { status, body: { ...body, statusCode: status }, only: ['certificates'] });
    },
    orders: () => double.calls.filter(({ method, kind }) => method === 'POST' && kind === 'certificates').length,
    pass: (ms) => stage.clock.advance(ms),
    stop: stage.stop,
  };
});
