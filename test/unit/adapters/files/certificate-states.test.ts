// tls/{name}.json: what is kept is read back, and so is what the Python PSI kept.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CertificateStateFiles } from '../../../../src/adapters/files/certificate-states.ts';
import { NO_STATE } from '../../../../src/certificates/certificate.ts';
import { certificateStatesContract, FULL_STATE } from '../../../contract/certificate-states.contract.ts';

describe('the state of a certificate', () => {
  let stateDir: string;
  let states: CertificateStateFiles;
  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'psi-state-'));
    states = new CertificateStateFiles({ stateDir });
    await mkdir(join(stateDir, 'tls'));
  });
  after(() => rm(stateDir, { recursive: true, force: true }));

  certificateStatesContract('the files', async () => {
    return new CertificateStateFiles({ stateDir: await mkdtemp(join(stateDir, 'contract-')) });
  });

  test('comes back as it was kept, and is for its owner alone', async () => {
    for (const state of [FULL_STATE, NO_STATE]) {
      await states.put('web', state);
      assert.deepEqual(await states.get('web'), state);
    }
    assert.equal((await stat(join(stateDir, 'tls/web.json'))).mode & 0o777, 0o600);
  });

  test('reads as it is documented', async () => {
    await states.put('web', FULL_STATE);
    const text = JSON.parse(await readFile(join(stateDir, 'tls/web.json'), 'utf8')) as unknown;
    assert.deepEqual(text, {
      version: 1,
      asked: 'ab12',
      certificate: {
        ...{ id: 'id-1', serial: 'A1' },
        ...{ notBefore: '2026-01-01T00:00:00.000Z', notAfter: '2026-04-01T00:00:00.000Z' },
        obtainedAt: '2026-01-02T00:00:00.000Z',
      },
      request: {
        ...{ id: 'request-1', certificateId: null, asked: 'ab12', status: 'pending_approval' },
        since: '2026-03-01T00:00:00.000Z',
      },
      owedHooks: [['systemctl', 'reload', 'nginx.service']],
      problem: { at: '2026-03-01T00:00:00.000Z', code: 'PROVIDER_DOWN', message: 'away', hint: null },
    });
  });

  const write = (text: string): Promise<void> => writeFile(join(stateDir, 'tls/old.json'), text);

  test('of the Python PSI keeps its certificate', async () => {
    await write(
      JSON.stringify({
        ...{ certificate_id: 'id-7', serial_number: '00:ab:cd', common_name: 'web.example.com', profile_id: 'p' },
        ...{ issued_at: 1_700_000_000.5, expires_at: 1_707_776_000 },
      }),
    );
    const state = await states.get('old');
    assert.deepEqual(state?.certificate, {
      ...{ id: 'id-7', serial: 'ABCD', notBefore: 1_700_000_000_500, notAfter: 1_707_776_000_000 },
    });
    assert.equal(state.asked, undefined);
  });

  test('that is damaged counts as none', async () => {
    for (const text of ['', '{', '[]', 'null', '{"version":0}', '{"certificate_id":"x"}']) {
      await write(text);
      assert.equal(await states.get('old'), undefined, text);
    }
    assert.equal(await states.get('absent'), undefined);
  });

  test('that cannot be read is an error: an order would be made twice', async () => {
    await mkdir(join(stateDir, 'tls/folder.json'));
    await assert.rejects(states.get('folder'), { code: 'HOST' });
  });
});
