// Who a data key is sealed for: the backends of this host, which open it at each start, and recovery keys, whose private halves are kept
// elsewhere.

import { sameBytes } from '../core/bytes.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { KeyWrapper } from './key-wrapper.ts';
import type { RecipientKind, Stanza } from './stanzas.ts';

/** Seals only: what opens it is not on this host. */
export type RecoveryRecipient = {
  readonly kind: 'recovery';
  /** The public half, as it stands in the config and in the stanza. */
  readonly parameters: string;
  readonly wrap: (dataKey: SecretValue) => Promise<Uint8Array>;
};

export type Recipients = {
  readonly own: readonly KeyWrapper[];
  readonly recovery: readonly RecoveryRecipient[];
};

/** One that a key could not be sealed for. */
export type Missed = { readonly kind: RecipientKind; readonly parameters: string; readonly error: PsiError };

export type WrappedForAll = { readonly stanzas: readonly Stanza[]; readonly missed: readonly Missed[] };

type Wrapping = Pick<RecoveryRecipient, 'parameters' | 'wrap'> & { readonly kind: RecipientKind };

/**
 * Rejects where none of this host's own could take it: a file that nothing here opens must not replace one that may open again. Otherwise
 * one that is away keeps the others from nothing.
 */
export async function wrapForAll({ own, recovery }: Recipients, dataKey: SecretValue): Promise<WrappedForAll> {
  const all = [...own.map(asWrapping), ...recovery];
  const results = await Promise.all(all.map((one) => wrapFor(one, dataKey)));
  const stanzas = results.flatMap((result) => ('wrappedKey' in result ? [result] : []));
  const missed = results.flatMap((result) => ('error' in result ? [result] : []));
  if (stanzas.some(({ kind }) => kind !== 'recovery')) return { stanzas, missed };
  throw together(missed) ?? new PsiError('INTERNAL', 'a key was to be sealed for nobody');
}

/**
 * As `wrapForAll`, and each of this host's own has given the key back, or is away as a card that lies in a safe is. A token is asked only
 * for what opens: that it is another one than before shows then, and it is sealed for as it is the second time. Rejects where none of them
 * gave it back.
 */
export async function wrapProven(recipients: Recipients, dataKey: SecretValue): Promise<WrappedForAll> {
  const first = await tried(recipients, dataKey);
  const { stanzas, missed, opened } = first.again ? await tried(recipients, dataKey) : first;
  if (opened) return { stanzas, missed };
  throw (
    together(missed.filter(({ kind }) => kind !== 'recovery')) ?? new PsiError('INTERNAL', 'nobody gave a key back')
  );
}

type Tried = WrappedForAll & {
  /** Has one of this host's own given it back? */
  readonly opened: boolean;
  /** Has one of them turned out to be another one? */
  readonly again: boolean;
};

async function tried(recipients: Recipients, dataKey: SecretValue): Promise<Tried> {
  const { stanzas, missed } = await wrapForAll(recipients, dataKey);
  const problems = await Promise.all(stanzas.map((stanza) => notGivenBack(recipients.own, stanza, dataKey)));
  const away = problems.filter((problem) => problem !== undefined);
  const useless = away.filter(({ error }) => !isAway(error));
  const opened = stanzas.some(({ kind }, index) => kind !== 'recovery' && problems[index] === undefined);
  return {
    stanzas: stanzas.filter((_, index) => !useless.some((one) => one === problems[index])),
    // With none of them all that went wrong is told.
    missed: [...missed, ...(opened ? useless : away)],
    opened,
    again: useless.length > 0,
  };
}

async function notGivenBack(
  own: readonly KeyWrapper[],
  { kind, parameters, wrappedKey }: Stanza,
  dataKey: SecretValue,
): Promise<Missed | undefined> {
  const keys = own.find(({ backend }) => backend === kind);
  if (keys === undefined) return undefined;
  try {
    const back = (await keys.unwrap(wrappedKey)).expose();
    const same = sameBytes(back, dataKey.expose());
    back.fill(0);
    return same
      ? undefined
      : { kind, parameters, error: new PsiError('INTERNAL', `the ${kind} gave back another key`) };
  } catch (thrown) {
    return { kind, parameters, error: toPsiError(thrown) };
  }
}

const AWAY: ReadonlySet<unknown> = new Set(['absent', 'busy', 'timeout', 'auth', 'lockout']);

function isAway({ code, details }: PsiError): boolean {
  return code === 'KEY_UNAVAILABLE' && AWAY.has(details['reason']);
}

function asWrapping(keys: KeyWrapper): Wrapping {
  return { kind: keys.backend, parameters: '', wrap: (dataKey) => keys.wrap(dataKey) };
}

async function wrapFor(recipient: Wrapping, dataKey: SecretValue): Promise<Stanza | Missed> {
  const { kind, parameters } = recipient;
  try {
    return { kind, parameters, wrappedKey: await recipient.wrap(dataKey) };
  } catch (thrown) {
    return { kind, parameters, error: toPsiError(thrown) };
  }
}

/**
 * The key out of the first stanza that one of them opens, in their order. Undefined: none of the stanzas is for any of them. CACHE_CORRUPT
 * only where all that were asked find their own no good.
 */
export async function unwrapWithAny(
  own: readonly KeyWrapper[],
  stanzas: readonly Stanza[],
): Promise<SecretValue | undefined> {
  const failed: Missed[] = [];
  for (const keys of own) {
    for (const { kind, parameters, wrappedKey } of stanzas.filter((stanza) => stanza.kind === keys.backend)) {
      try {
        return await keys.unwrap(wrappedKey);
      } catch (thrown) {
        failed.push({ kind, parameters, error: toPsiError(thrown) });
      }
    }
  }
  const error = together(failed);
  if (error !== undefined) throw error;
  return undefined;
}

/** One error for several recipients; undefined: none failed. That a key is away says more than that another one's stanza is no good. */
function together(failed: readonly Missed[]): PsiError | undefined {
  const away = failed.filter(({ error }) => error.code !== 'CACHE_CORRUPT');
  const [first, ...others] = away.length > 0 ? away : failed;
  if (first === undefined || others.length === 0) return first?.error;
  const told = [first, ...others];
  const hints = told.flatMap(({ kind, error }) => (error.hint === undefined ? [] : [`for ${kind}: ${error.hint}`]));
  // A PIN is not sent again by the way, whatever else is wrong.
  const leading = told.find(({ error }) => isGuarded(error)) ?? first;
  return new PsiError(leading.error.code, told.map(({ kind, error }) => `${kind}: ${error.message}`).join('; '), {
    hint: hints.join('; '),
    retry: told.some(({ error }) => error.retry === 'later') ? 'later' : 'no',
    details: leading.error.details,
    cause: leading.error,
  });
}

function isGuarded({ details }: PsiError): boolean {
  return details['reason'] === 'auth' || details['reason'] === 'lockout';
}
