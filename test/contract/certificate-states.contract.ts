// What everything does that remembers the states of certificates. A run reads back what the one before it kept, or orders anew.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { CertificateStates } from '../../src/certificates/certificate-states.ts';
import { NO_STATE, type CertificateState } from '../../src/certificates/certificate.ts';

/** Every field set. */
export const FULL_STATE: CertificateState = {
  asked: 'ab12',
  certificate: {
    id: 'id-1',
    serial: 'A1',
    notBefore: Date.UTC(2026, 0, 1),
    notAfter: Date.UTC(2026, 3, 1),
    obtainedAt: Date.UTC(2026, 0, 2),
  },
  request: {
    ...{ asked: 'ab12', since: Date.UTC(2026, 2, 1), status: 'pending_approval' },
    ...{ requestId: 'request-1', certificateId: undefined },
  },
  owedHooks: [['systemctl', 'reload', 'nginx.service']],
  problem: { at: Date.UTC(2026, 2, 1), code: 'PROVIDER_DOWN', message: 'away', hint: undefined },
};

export function certificateStatesContract(name: string, make: () => Promise<CertificateStates>): void {
  describe(`${name} as the memory of certificates`, () => {
    it('knows nothing of a certificate that it was told nothing of', async () => {
      const states = await make();
      assert.equal(await states.get('web'), undefined);
      await states.put('web', FULL_STATE);
      assert.equal(await states.get('mail'), undefined);
    });

    it('gives back what was put last, field by field', async () => {
      const states = await make();
      for (const state of [FULL_STATE, { ...FULL_STATE, request: undefined, owedHooks: [] }, NO_STATE]) {
        await states.put('web', state);
        assert.deepEqual(await states.get('web'), state);
      }
    });

    it('keeps each certificate by its own name, also when they are put at once', async () => {
      const states = await make();
      const names = ['web', 'web.2', 'mail'];
      await Promise.all(names.map((asked) => states.put(asked, { ...FULL_STATE, asked })));
      const found = await Promise.all(names.map(async (one) => (await states.get(one))?.asked));
      assert.deepEqual(found, names);
    });
  });
}
