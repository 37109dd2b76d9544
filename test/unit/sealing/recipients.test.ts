import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PsiError } from '../../../src/core/error.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { allOpen, recipientStates } from '../../../src/sealing/recipient-state.ts';
import { unwrapWithAny, wrapForAll, wrapProven, type RecoveryRecipient } from '../../../src/sealing/recipients.ts';
import { FakeKeyWrapper } from '../../fakes/key-wrapper.fake.ts';

const KEY = new Uint8Array(32).fill(7);
const key = (): SecretValue => new SecretValue(Uint8Array.from(KEY));

function recoveryFor(parameters: string, failure?: PsiError): RecoveryRecipient {
  const wrap = (): Promise<Uint8Array> => (failure ? Promise.reject(failure) : Promise.resolve(Uint8Array.of(1)));
  return { kind: 'recovery', parameters, wrap };
}

test('a key is sealed for each recipient, the backends first, and each of them opens it', async () => {
  const [tpm, hsm] = [new FakeKeyWrapper('tpm'), new FakeKeyWrapper('hsm')];
  const { stanzas, missed } = await wrapForAll(
    { own: [tpm, hsm], recovery: [recoveryFor('age1a'), recoveryFor('age1b')] },
    key(),
  );
  assert.deepEqual(
    stanzas.map(({ kind, parameters }) => [kind, parameters]),
    [
      ['tpm', ''],
      ['hsm', ''],
      ['recovery', 'age1a'],
      ['recovery', 'age1b'],
    ],
  );
  assert.deepEqual(missed, []);
  for (const own of [[tpm], [hsm], [hsm, tpm]]) {
    assert.deepEqual([...((await unwrapWithAny(own, stanzas))?.expose() ?? [])], [...KEY]);
  }
});

test('one that is away keeps the others from nothing, and is named', async () => {
  const [tpm, hsm] = [new FakeKeyWrapper('tpm'), new FakeKeyWrapper('hsm')];
  tpm.failure = 'absent';
  const refused = new PsiError('KEY_UNAVAILABLE', 'no');
  const { stanzas, missed } = await wrapForAll({ own: [tpm, hsm], recovery: [recoveryFor('age1a', refused)] }, key());
  assert.deepEqual(
    stanzas.map(({ kind }) => kind),
    ['hsm'],
  );
  assert.deepEqual(
    missed.map(({ kind, parameters, error }) => [kind, parameters, error.code]),
    [
      ['tpm', '', 'KEY_UNAVAILABLE'],
      ['recovery', 'age1a', 'KEY_UNAVAILABLE'],
    ],
  );
});

/** A token that was exchanged: until it has been asked to open something, its cached public key is that of the one before. */
class ExchangedToken extends FakeKeyWrapper {
  readonly #before = new FakeKeyWrapper('hsm');
  #known = false;

  constructor() {
    super('hsm');
  }

  override wrap(dataKey: SecretValue): Promise<Uint8Array> {
    return this.#known ? super.wrap(dataKey) : this.#before.wrap(dataKey);
  }

  override unwrap(blob: Uint8Array): Promise<SecretValue> {
    this.#known = true;
    return super.unwrap(blob);
  }
}

test('a key that replaces another is proven: a token that was exchanged is sealed for once more, as it is', async () => {
  const [tpm, hsm] = [new FakeKeyWrapper('tpm'), new ExchangedToken()];
  const { stanzas, missed } = await wrapProven({ own: [tpm, hsm], recovery: [recoveryFor('age1a')] }, key());
  assert.deepEqual([stanzas.map(({ kind }) => kind), missed], [['tpm', 'hsm', 'recovery'], []]);
  assert.deepEqual([...((await unwrapWithAny([hsm], stanzas))?.expose() ?? [])], [...KEY]);
});

test('one that gives back nothing, or another key, is named and left out; one whose card is away stays', async () => {
  class Forgetful extends FakeKeyWrapper {
    override unwrap(): Promise<SecretValue> {
      return Promise.resolve(new SecretValue(new Uint8Array(32)));
    }
  }
  class Away extends FakeKeyWrapper {
    override unwrap(): Promise<SecretValue> {
      this.failure = 'absent';
      return super.unwrap(new Uint8Array(77)).catch(() => {
        throw new PsiError('KEY_UNAVAILABLE', 'no card', { hint: 'plug it in', details: { reason: 'absent' } });
      });
    }
  }
  const recovery = [recoveryFor('age1a')];
  const both = await wrapProven({ own: [new FakeKeyWrapper('tpm'), new Forgetful('hsm')], recovery }, key());
  assert.deepEqual(
    [both.stanzas.map(({ kind }) => kind), both.missed.map(({ kind }) => kind)],
    [['tpm', 'recovery'], ['hsm']],
  );
  const away = await wrapProven({ own: [new FakeKeyWrapper('tpm'), new Away('hsm')], recovery }, key());
  assert.deepEqual([away.stanzas.map(({ kind }) => kind), away.missed], [['tpm', 'hsm', 'recovery'], []]);
  // Alone, neither of them is enough to replace what may be good.
  await assert.rejects(wrapProven({ own: [new Forgetful('hsm')], recovery }, key()), { code: 'INTERNAL' });
  await assert.rejects(wrapProven({ own: [new Away('hsm')], recovery }, key()), { message: 'no card' });
});

test('a key that only a recovery key would open is not sealed at all: what is on disk may open again', async () => {
  const tpm = new FakeKeyWrapper('tpm');
  tpm.failure = 'busy';
  await assert.rejects(wrapForAll({ own: [tpm], recovery: [recoveryFor('age1a')] }, key()), {
    code: 'KEY_UNAVAILABLE',
    message: 'fake: no key (busy)',
    retry: 'later',
  });
});

test('the first that can opens it, and the next is not asked', async () => {
  const [tpm, hsm] = [new FakeKeyWrapper('tpm'), new FakeKeyWrapper('hsm')];
  const { stanzas } = await wrapForAll({ own: [tpm, hsm], recovery: [] }, key());
  await unwrapWithAny([tpm, hsm], stanzas);
  assert.deepEqual([tpm.unwraps, hsm.unwraps], [1, 0]);
  tpm.failure = 'policy';
  await unwrapWithAny([tpm, hsm], stanzas);
  assert.equal(hsm.unwraps, 1);
});

test('with no stanza for any of them there is no key, and nobody is asked', async () => {
  const [tpm, hsm] = [new FakeKeyWrapper('tpm'), new FakeKeyWrapper('hsm')];
  const { stanzas } = await wrapForAll({ own: [hsm], recovery: [] }, key());
  assert.equal(await unwrapWithAny([tpm], stanzas), undefined);
});

test('where none opens it all of them are named with their hints; waiting helps if it helps with one', async () => {
  const [tpm, hsm] = [new FakeKeyWrapper('tpm'), new FakeKeyWrapper('hsm')];
  const { stanzas } = await wrapForAll({ own: [tpm, hsm], recovery: [] }, key());
  [tpm.failure, hsm.failure] = ['other-device', 'absent'];
  await assert.rejects(unwrapWithAny([tpm, hsm], stanzas), {
    code: 'KEY_UNAVAILABLE',
    message: 'tpm: fake: no key (other-device); hsm: fake: no key (absent)',
    hint: 'for tpm: bring the key back; for hsm: bring the key back',
    retry: 'later',
    details: { reason: 'other-device' },
  });
  // What asks for a PIN is not tried by the way, so it is what counts.
  hsm.failure = 'auth';
  await assert.rejects(unwrapWithAny([tpm, hsm], stanzas), { details: { reason: 'auth' } });
});

test('that one finds its own stanza damaged says less than that another one is away', async () => {
  const [tpm, hsm] = [new FakeKeyWrapper('tpm'), new FakeKeyWrapper('hsm')];
  const { stanzas } = await wrapForAll({ own: [tpm, hsm], recovery: [] }, key());
  const damaged = stanzas.map((stanza) =>
    stanza.kind === 'tpm' ? { ...stanza, wrappedKey: stanza.wrappedKey.map((byte) => byte ^ 1) } : stanza,
  );
  await assert.rejects(unwrapWithAny([tpm], damaged), { code: 'CACHE_CORRUPT' });
  hsm.failure = 'absent';
  await assert.rejects(unwrapWithAny([tpm, hsm], damaged), {
    code: 'KEY_UNAVAILABLE',
    message: 'fake: no key (absent)',
  });
});

test('the states tell for each recipient whether the file has its key, the config names it, and it opens', async () => {
  const [tpm, hsm, credential] = [
    new FakeKeyWrapper('tpm'),
    new FakeKeyWrapper('hsm'),
    new FakeKeyWrapper('credential'),
  ];
  const { stanzas } = await wrapForAll(
    { own: [tpm, hsm], recovery: [recoveryFor('age1a'), recoveryFor('age1b')] },
    key(),
  );
  const now = { own: [tpm, credential], recovery: [recoveryFor('age1b'), recoveryFor('age1c')] };
  const options = { logIn: false, problemWith: (): undefined => undefined };
  const states = await recipientStates(now, stanzas, options);
  assert.deepEqual(
    states.map(({ kind, recipient, configured, sealed, opens }) => [kind, recipient, configured, sealed, opens]),
    [
      ['tpm', null, true, true, true],
      ['hsm', null, false, true, null],
      ['recovery', 'age1a', false, true, null],
      ['recovery', 'age1b', true, true, null],
      ['credential', null, true, false, null],
      ['recovery', 'age1c', true, false, null],
    ],
  );
  assert.equal(allOpen(states), false);
  assert.equal(allOpen(states.filter(({ sealed }) => sealed)), true);
});

test('a token is asked only if somebody wants that, and what one says is told', async () => {
  const [tpm, hsm] = [new FakeKeyWrapper('tpm'), new FakeKeyWrapper('hsm')];
  const { stanzas } = await wrapForAll({ own: [tpm, hsm], recovery: [] }, key());
  const opens = async (logIn: boolean): Promise<readonly unknown[]> => {
    const states = await recipientStates({ own: [tpm, hsm], recovery: [] }, stanzas, {
      logIn,
      problemWith: () => undefined,
    });
    return states.map((state) => [state.opens, state.problem?.message]);
  };
  assert.deepEqual(await opens(false), [
    [true, undefined],
    [null, undefined],
  ]);
  assert.equal(hsm.unwraps, 0);
  tpm.failure = 'policy';
  assert.deepEqual(await opens(true), [
    [false, 'fake: no key (policy)'],
    [true, undefined],
  ]);
});

test('a key that the file was not written with is no opening, and it is wiped', async () => {
  const tpm = new FakeKeyWrapper('tpm');
  const { stanzas } = await wrapForAll({ own: [tpm], recovery: [] }, key());
  let given: Uint8Array | undefined;
  const problemWith = (dataKey: Uint8Array): PsiError => {
    given = dataKey;
    return new PsiError('CACHE_CORRUPT', 'altered');
  };
  const [state] = await recipientStates({ own: [tpm], recovery: [] }, stanzas, { logIn: true, problemWith });
  assert.deepEqual([state?.opens, state?.problem?.message], [false, 'altered']);
  assert.ok(given?.every((byte) => byte === 0));
});
