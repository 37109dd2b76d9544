// What a listener between the machine and its TPM gets to see.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { seal, unseal } from 'node-tpm2-tss';
import { Bus, COMMAND } from './bus.ts';
import { rejectsAs } from './expect.ts';
import { SoftTpm } from './swtpm.ts';

describe('the wire to the TPM', () => {
  let tpm: SoftTpm;
  let bus: Bus;

  before(async () => {
    tpm = await SoftTpm.start();
    bus = await Bus.start(tpm);
  });
  after(async () => {
    await bus.dispose();
    await tpm.dispose();
  });

  // The control: without it, finding nothing below could mean that nothing is looked for in the right place.
  it('shows secret and auth value of a client that does not encrypt', async () => {
    const value = randomBytes(32);
    const auth = randomBytes(16).toString('hex');
    await tpm.write('secret', value);
    await tpm.toolVia(bus.tcti, 'createprimary', '-C', 'o', '-c', 'p.ctx');
    await tpm.toolVia(bus.tcti, 'create', '-C', 'p.ctx', '-i', 'secret', '-p', auth, '-u', 'pub', '-r', 'priv');
    assert.equal(bus.carried(value), true);
    assert.equal(bus.carried(Buffer.from(auth)), true);
    await tpm.tool('flushcontext', '-t');
  });

  it('shows neither secret nor auth value of this package', async () => {
    const value = randomBytes(32);
    const auth = randomBytes(16);
    const blob = await seal(value, { tcti: bus.tcti, pcrs: [7], auth });
    assert.deepEqual(await unseal(blob, { tcti: bus.tcti, auth }), value);
    assert.ok(bus.commands.includes(COMMAND.unseal), 'the bus saw the commands');
    assert.equal(bus.carried(value), false);
    assert.equal(bus.carried(auth), false);
    // Nor what is made of it for the TPM, of which the last byte may differ.
    const derived = createHash('sha256').update('node-tpm2-tss auth\0').update(auth).digest();
    assert.equal(bus.carried(derived.subarray(0, 31)), false);
  });

  it('shows no answer that is equal for equal secrets', async () => {
    const blob = await seal(randomBytes(32), { tcti: bus.tcti });
    const answers: Buffer[] = [];
    for (let round = 0; round < 2; round += 1) {
      const from = bus.traffic.length;
      await unseal(blob, { tcti: bus.tcti });
      answers.push(Buffer.concat(bus.traffic.slice(from)));
    }
    assert.notDeepEqual(answers[0], answers[1]);
  });

  // Whoever can put his own key in place of the storage key reads what the session encrypts. The blob has the right key's name.
  it('notices another storage key in the middle before it starts a session with it', async () => {
    await tpm.persistStorageKey();
    const blob = await seal(randomBytes(32), { tcti: bus.tcti });
    await unseal(blob, { tcti: bus.tcti });
    bus.commands.length = 0;
    // One byte of the public key; the name that the TPM gives with it stays as it was.
    bus.answer = (code, answer) => {
      if (code === COMMAND.readPublic) answer.writeUInt8(answer.readUInt8(60) ^ 1, 60);
      return answer;
    };
    await rejectsAs('other-tpm', unseal(blob, { tcti: bus.tcti }));
    assert.ok(bus.commands.includes(COMMAND.readPublic), 'the key was asked for');
    assert.ok(!bus.commands.includes(COMMAND.startAuthSession), 'no session was started');
  });
});
