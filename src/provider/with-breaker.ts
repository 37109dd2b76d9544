// A source that is not asked while it does not answer: a place that fails rests by itself, and a provider that is away costs a few timeouts,
// not one per lookup.

import {
  ALL_WELL,
  answered,
  ask,
  failed,
  foundDown,
  foundUp,
  seenUp,
  untold,
  type Breakers,
  type Permission,
  type Silence,
} from './breaker.ts';
import { withDeadline } from '../core/deadline.ts';
import { PsiError, toPsiError, type ErrorCode } from '../core/error.ts';
import type { Clock } from '../core/clock.ts';
import { isoSeconds } from '../core/time.ts';
import type { Place, SecretSource } from './secret-source.ts';

export type BreakerDeps = {
  readonly name: string;
  readonly clock: Clock;
  /** As `Provider.probe`; undefined: that nothing is answered is enough. */
  readonly probe: ((signal: AbortSignal) => Promise<void>) | undefined;
};

/** Nothing usable has come since. `place`: undefined where it is the provider as a whole. */
export type Silent = {
  readonly place: Place | undefined;
  /** ms since the epoch. */
  readonly since: number;
  readonly error: PsiError;
};

export type GuardedSource = SecretSource & {
  /** The provider as a whole, or else the places of it. Empty: all is well as far as it was asked. */
  readonly silent: () => readonly Silent[];
  /** Asks a provider that was silent whether it is there again, if that can be asked. Never fails, and ends within a second. */
  readonly lookAgain: () => Promise<void>;
};

/** A server that is there answers this at once, and whoever wants a secret meanwhile waits for it. */
const PROBE_MS = 1_000;

const NO_USABLE_ANSWER: readonly ErrorCode[] = ['PROVIDER_DOWN', 'DEADLINE'];

/** A refusal is one too. All else says nothing of the provider: nobody was asked, or the caller went away. */
const ANSWERS: readonly ErrorCode[] = [
  'NOT_FOUND',
  'PLACE_NOT_FOUND',
  'PROVIDER_DENIED',
  'VALUE_HIDDEN',
  'THROTTLED',
  'ANSWER_TOO_LARGE',
];

export function withBreaker(source: SecretSource, { name, clock, probe }: BreakerDeps): GuardedSource {
  let breakers: Breakers = ALL_WELL;
  let looking: Promise<void> | undefined;
  /** Since when it was silent when a look found nobody there. */
  let away: number | undefined;
  let probing: Promise<void> | undefined;

  const guarded = async <T>(place: Place, signal: AbortSignal, call: () => Promise<T>): Promise<T> => {
    const key = keyOf(place);
    if (probing) await untilProbed(probing, place, signal);
    const permission = ask(breakers, key, clock.monotonic());
    if (!permission.allowed) throw resting(permission, place);
    breakers = permission.next;
    try {
      const result = await call();
      breakers = answered(breakers, key, clock.monotonic());
      return result;
    } catch (thrown) {
      const error = toPsiError(thrown);
      if (NO_USABLE_ANSWER.includes(error.code)) noteFailure(key, error);
      else if (isAnswer(error)) breakers = answered(breakers, key, clock.monotonic());
      else breakers = untold(breakers, key);
      throw error;
    }
  };

  /** Whose time ends meanwhile asks nobody: that says nothing of the place, and something of the provider. */
  const untilProbed = async (probed: Promise<void>, place: Place, signal: AbortSignal): Promise<void> => {
    await untilAborted(probed, signal);
    if (!signal.aborted) return;
    const { whole: silence } = breakers;
    if (isTimeout(signal.reason) && silence) throw resting({ of: 'whole', silence, retryInMs: PROBE_MS }, place);
    signal.throwIfAborted();
  };

  const noteFailure = (key: string, error: PsiError): void => {
    const { next, inDoubt } = failed(breakers, key, { error, slow: error.code === 'DEADLINE' }, clock.monotonic());
    breakers = next;
    if (!inDoubt || probing) return;
    if (probe) probing = askItself(key, probe);
    else breakers = foundDown(breakers, clock.monotonic());
  };

  /** Never fails. */
  const askItself = async (key: string, question: NonNullable<typeof probe>): Promise<void> => {
    try {
      await withDeadline(clock, { ms: PROBE_MS, what: `the probe of ${name}` }, question);
      breakers = foundUp(breakers, key, clock.monotonic());
    } catch {
      // An answer that came meanwhile to somebody else has left nothing that could rest.
      breakers = foundDown(breakers, clock.monotonic());
    } finally {
      probing = undefined;
    }
  };

  const resting = (
    { of, silence, retryInMs }: Omit<Extract<Permission, { readonly allowed: false }>, 'allowed'>,
    { project, path }: Place,
  ): PsiError => {
    const since = isoSeconds(begun(silence));
    const what = of === 'place' ? `for ${project}:${path}` : 'at all';
    const { message, hint = 'see `podman exec psi psi status`' } = silence.last;
    return new PsiError('PROVIDER_DOWN', `${name} has given no usable answer ${what} since ${since} (${message})`, {
      hint: `psi asks again in ${String(Math.ceil(retryInMs / 1000))} s; ${hint}`,
      retry: 'later',
      retryAfterMs: retryInMs,
    });
  };

  const begun = ({ since }: Silence): number => clock.now() - (clock.monotonic() - since);

  const silent = (): readonly Silent[] => {
    const { whole, places } = breakers;
    if (whole) return [{ place: undefined, since: begun(whole), error: whole.last }];
    return [...places].map(([key, silence]) => ({ place: placeOf(key), since: begun(silence), error: silence.last }));
  };

  const look = async (question: NonNullable<typeof probe>): Promise<void> => {
    const answers = await withDeadline(clock, { ms: PROBE_MS, what: `the probe of ${name}` }, question).then(
      () => true,
      () => false,
    );
    looking = undefined;
    const { whole } = breakers;
    if (!answers) away = whole?.since;
    else if (whole) breakers = seenUp(breakers, whole.rest !== undefined || whole.since === away, clock.monotonic());
  };

  return {
    list: (place, options) => guarded(place, options.signal, () => source.list(place, options)),
    get: (ref, signal) => guarded(ref, signal, () => source.get(ref, signal)),
    folders: (place, signal) => guarded(place, signal, () => source.folders(place, signal)),
    silent,
    lookAgain: async () => {
      if (probe && breakers.whole) await (looking ??= look(probe));
    },
  };
}

function keyOf({ project, path }: Place): string {
  return JSON.stringify([project, path]);
}

function placeOf(key: string): Place {
  const [project = '', path = ''] = JSON.parse(key) as readonly string[];
  return { project, path };
}

function isAnswer({ code, details }: PsiError): boolean {
  return ANSWERS.includes(code) && details['asked'] !== false;
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof PsiError && reason.code === 'DEADLINE';
}

/** Until the work has ended, which never fails, or the caller's signal aborts. */
async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const abort = (): void => {
    resolve(undefined);
  };
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  await Promise.race([work, aborted]);
  signal.removeEventListener('abort', abort);
}
