// Who a data key is sealed for: the backends of this host, which open it at each start, and recovery keys, whose private halves are kept
// elsewhere.

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
