import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { helperEnvironment } from '../../../../src/adapters/hsm/helper-process.ts';

describe('environment of the HSM helper', () => {
  it('has what modules read', () => {
    const env = {
      PATH: '/bin',
      OPENSC_CONF: '/etc/o',
      PCSCLITE_CSOCK_NAME: '/run/p',
      SOFTHSM2_CONF: '/etc/s',
      LC_ALL: 'C',
    };
    assert.deepEqual(helperEnvironment(env), env);
  });

  it('has nothing of PSI and nothing that looks secret', () => {
    const env = {
      PSI_HSM_PIN: 'canary',
      INFISICAL_CLIENT_SECRET: 'canary',
      YUBIHSM_PASSWORD: 'canary',
      PKCS11_PIN: 'canary',
      CREDENTIALS_DIRECTORY: '/run/credentials',
      NODE_OPTIONS: '--inspect',
    };
    assert.deepEqual(helperEnvironment(env), {});
  });
});
