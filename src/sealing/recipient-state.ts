// Whom a file is sealed for and which of them opens it now, as plain data for `psi cache status`. Nothing secret.

import type { PsiError } from '../core/error.ts';
import { toPsiError } from '../core/error.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import type { KeyWrapper } from './key-wrapper.ts';
import type { Recipients } from './recipients.ts';
import type { RecipientKind, Stanza } from './stanzas.ts';

export type RecipientState = {
  readonly kind: RecipientKind;
  /** The public half of a recovery key; null for a backend. */
  readonly recipient: string | null;
  /** Does the config name it? */
  readonly configured: boolean;
  /** Does the file have a key that is sealed for it? */
  readonly sealed: boolean;
  /** Null: not tried, because what opens it is elsewhere, not configured, or a token that would want a login. */
  readonly opens: boolean | null;
  readonly problem: Failure | null;
};

export type StateOptions = {
  /** May a token be logged in to? */
  readonly logIn: boolean;
  /** What is wrong with the file if this is the key that a stanza holds; undefined: nothing. */
  readonly problemWith: (dataKey: Uint8Array) => PsiError | undefined;
};

/** One for each stanza, and one for each recipient that the file has none for. */
export async function recipientStates(
  recipients: Recipients,
  stanzas: readonly Stanza[],
  options: StateOptions,
): Promise<readonly RecipientState[]> {
  const states: RecipientState[] = [];
  for (const stanza of stanzas) states.push(await stateOf(stanza, recipients, options));
  return [...states, ...unsealed(recipients, stanzas)];
}

async function stateOf(stanza: Stanza, { own, recovery }: Recipients, options: StateOptions): Promise<RecipientState> {
  const { kind, parameters } = stanza;
  const keys = own.find(({ backend }) => backend === kind);
  const configured = keys !== undefined || recovery.some((one) => one.parameters === parameters);
  const named = { kind, recipient: parameters === '' ? null : parameters, configured, sealed: true };
  if (keys === undefined || (kind === 'hsm' && !options.logIn)) return { ...named, opens: null, problem: null };
  const problem = await problemOf(keys, stanza, options);
  return { ...named, opens: problem === undefined, problem: problem === undefined ? null : failureOf(problem) };
}

async function problemOf(
  keys: KeyWrapper,
  { wrappedKey }: Stanza,
  { problemWith }: StateOptions,
): Promise<PsiError | undefined> {
  try {
    const dataKey = (await keys.unwrap(wrappedKey)).expose();
    const problem = problemWith(dataKey);
    dataKey.fill(0);
    return problem;
  } catch (thrown) {
    return toPsiError(thrown);
  }
}

function unsealed({ own, recovery }: Recipients, stanzas: readonly Stanza[]): readonly RecipientState[] {
  const state = { configured: true, sealed: false, opens: null, problem: null };
  return [
    ...own
      .filter(({ backend }) => stanzas.every(({ kind }) => kind !== backend))
      .map(({ backend }) => ({ kind: backend, recipient: null, ...state })),
    ...recovery
      .filter(({ parameters }) => stanzas.every((stanza) => stanza.parameters !== parameters))
      .map(({ kind, parameters }) => ({ kind, recipient: parameters, ...state })),
  ];
}

/** Every recipient that is configured has its key in the file, and each that could be tried opens it. */
export function allOpen(states: readonly RecipientState[]): boolean {
  return states.every(({ configured, sealed, opens }) => !configured || (sealed && opens !== false));
}
