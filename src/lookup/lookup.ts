// Answers a lookup from the first that can: the cache (memory), a listing that is held for lookups like this one (memory), the provider. Never
// calls Podman: it holds its lock meanwhile.

import type { SecretCache } from '../cache/cache.ts';
import type { Cached } from '../cache/entries.ts';
import type { Clock } from '../core/clock.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import { withDeadline } from '../core/deadline.ts';
import { ageOf, type Fetched } from '../core/fetched.ts';
import { isPlaced, type Mapping, type OwnMapping } from '../core/mapping.ts';
import { isSecretId, notAnId, printable } from '../core/naming.ts';
import type { Answer, OwnValues, Wanted } from './answer.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { AuditLog, LookupEvent } from './audit-log.ts';
import type { BatchedReader } from './batching.ts';
import type { MappingTable } from './mapping-table.ts';
import type { StatusBoard } from './status.ts';

/** What a lookup uses of the cache. */
export type LookupCache = Pick<
  SecretCache,
  'find' | 'opening' | 'whyNot' | 'learn' | 'missing' | 'answered' | 'maxAgeMs'
>;

export type LookupDeps = {
  readonly mappings: Pick<MappingTable, 'nameOf' | 'whyMissing'>;
  /** The reader of a provider as configured now. */
  readonly readerOf: (provider: string) => Pick<BatchedReader, 'held' | 'read'> | undefined;
  /** Undefined: every lookup goes to the provider. */
  readonly cache: LookupCache | undefined;
  /** Undefined: there are none. */
  readonly own?: OwnValues;
  /**
   * The one bound of a lookup, laid round the provider alone: a cache that is still being opened may be worth more than the failure of a
   * provider that is down, and Podman's curl sets the bound of that.
   */
  readonly timeoutMs: () => number;
  readonly clock: Clock;
  /** Why nothing can be answered, whatever is asked for; undefined: there is a config. */
  readonly withoutConfig?: () => PsiError | undefined;
  readonly audit: AuditLog;
  readonly status: StatusBoard;
};

/** An answer, and what has to be called once it is on its way: to note a lookup takes as long as to find its value. */
export type AtHand = { readonly answer: Answer; readonly sent: () => void };

export class Lookup {
  readonly #deps: LookupDeps;

  constructor(deps: LookupDeps) {
    this.#deps = deps;
  }

  /**
   * The value of a registered secret, or a PsiError whose message names it, thrown or as a rejection. What is at hand comes without a
   * promise or a timer: most lookups of a host are these.
   */
  answer(wanted: Wanted): Answer | Promise<Answer> {
    const startedAt = this.#deps.clock.monotonic();
    let answer: Answer | Promise<Answer>;
    try {
      answer = this.#answer(wanted);
    } catch (thrown) {
      throw this.#failed(wanted, startedAt, thrown);
    }
    if (!(answer instanceof Promise)) return this.#answered(wanted, startedAt, answer);
    return answer.then(
      (late) => this.#answered(wanted, startedAt, late),
      (thrown: unknown) => {
        throw this.#failed(wanted, startedAt, thrown);
      },
    );
  }

  /** What can be answered without asking or waiting; undefined: `answer` asks, waits, or says why not. */
  atHand(wanted: Wanted): AtHand | undefined {
    const { mapping } = wanted;
    if (!mapping || !isPlaced(mapping) || this.#deps.withoutConfig?.()) return undefined;
    const startedAt = this.#deps.clock.monotonic();
    try {
      const answer = this.#held(mapping);
      if (!answer) return undefined;
      const found = this.#deps.clock.monotonic();
      return { answer, sent: () => this.#answered(wanted, startedAt, answer, found) };
    } catch {
      return undefined;
    }
  }

  #answer({ id, mapping }: Wanted): Answer | Promise<Answer> {
    const withoutConfig = this.#deps.withoutConfig?.();
    if (withoutConfig) throw withoutConfig;
    if (!mapping) throw this.#deps.mappings.whyMissing(id) ?? (isSecretId(id) ? notRegistered(id) : notAnId());
    if (!isPlaced(mapping)) return this.#ownAnswer(id, mapping);
    const reader = this.#deps.readerOf(mapping.provider);
    if (!reader) throw notConfigured(mapping);
    const { cache, clock } = this.#deps;
    try {
      const held = this.#held(mapping);
      if (held) return held;
    } catch (thrown) {
      return oldAfter(thrown, cache, mapping);
    }
    const until = clock.monotonic() + this.#deps.timeoutMs();
    const live = reader.read(mapping, until).then(
      (fetched) => this.#learned(mapping, fetched, 'live'),
      (thrown: unknown) => oldAfter(thrown, cache, mapping),
    );
    return cache?.opening() ? liveOrOpened(live, cache, mapping) : live;
  }

  /** From memory. Fails where a listing says that the value is hidden. */
  #held(mapping: Mapping): Answer | undefined {
    const { cache, readerOf } = this.#deps;
    const cached = cache?.find(mapping);
    const reader = readerOf(mapping.provider);
    if (cached?.fresh === true && reader) return fromCache(cached);
    // A listing of before the value that is known, or past the age that the cache keeps to, is of no use.
    const held = reader?.held(mapping, cached?.fetched, cache?.maxAgeMs);
    return held && this.#learned(mapping, held.fetched, held.live ? 'live' : 'held');
  }

  /** What opens it may be a card that takes seconds: it goes on after the bound, and the next lookup has the value. */
  #ownAnswer(id: string, mapping: OwnMapping): Answer | Promise<Answer> {
    const { own, clock, timeoutMs } = this.#deps;
    const read = own?.read(mapping);
    if (read === undefined) throw notConfigured(mapping);
    if (!(read instanceof Promise)) return ownAnswer(read);
    const what = `opening the sealed value of ${this.#deps.mappings.nameOf(id) ?? printable(id)}`;
    return withDeadline(clock, { ms: timeoutMs(), what, hint: SLOW }, () => read).then(ownAnswer);
  }

  #learned(mapping: Mapping, fetched: Fetched, source: 'live' | 'held'): Answer {
    const { cache, clock } = this.#deps;
    cache?.learn(mapping, fetched);
    return { value: fetched.value, source, ageMs: ageOf(fetched, clock) };
  }

  #answered(wanted: Wanted, startedAt: number, answer: Answer, at = this.#deps.clock.monotonic()): Answer {
    if (answer.source !== 'sealed') this.#deps.cache?.answered(answer.source);
    this.#note(wanted, at - startedAt, answer.source, undefined);
    return answer;
  }

  #failed(wanted: Wanted, startedAt: number, thrown: unknown): PsiError {
    const error = toPsiError(thrown);
    this.#note(wanted, this.#deps.clock.monotonic() - startedAt, undefined, error);
    return error;
  }

  #note(
    { id, mapping, caller }: Wanted,
    took: number,
    source: Answer['source'] | undefined,
    error: PsiError | undefined,
  ): void {
    const { audit, mappings, status } = this.#deps;
    const subject = { id: printable(id), name: mappings.nameOf(id), provider: mapping?.provider, caller };
    const ms = Math.round(took * 1000) / 1000;
    const event: LookupEvent = { ...subject, source, outcome: error?.code ?? 'ok', ms };
    audit.lookup(event);
    status.lookup(event, error);
  }
}

/** Where the provider fails, an old value is better than none; that this very secret is gone is an answer, and drops what was remembered. */
function oldAfter(thrown: unknown, cache: LookupCache | undefined, mapping: Mapping): Answer {
  if (toPsiError(thrown).code === 'NOT_FOUND') cache?.missing(mapping);
  const old = cache?.find(mapping);
  if (!old) throw withCache(toPsiError(thrown), cache?.whyNot(), mapping);
  return fromCache(old);
}

/** Whoever turned the cache on counts on it in an outage: the failure says as well why it did not answer. */
function withCache(error: PsiError, whyNot: PsiError | undefined, { provider }: Mapping): PsiError {
  if (whyNot === undefined || error.code === 'NOT_FOUND' || error.details['cache'] !== undefined) return error;
  const { code, message, retry, retryAfterMs, cause, details } = error;
  const next =
    whyNot.hint?.includes('cache refresh') === true
      ? `${whyNot.hint}, once ${printable(provider)} answers`
      : whyNot.hint;
  const hints = [next, error.hint].filter((hint) => hint !== undefined);
  return new PsiError(code, `${message}; and the cache cannot be opened: ${whyNot.message}`, {
    ...{ retry, cause, details: { ...details, cache: whyNot.code } },
    ...(hints.length > 0 && { hint: hints.join('; ') }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** The live answer, or a fresh one of a cache file that is being read meanwhile, whichever comes first. */
async function liveOrOpened(live: Promise<Answer>, cache: LookupCache, mapping: Mapping): Promise<Answer> {
  const opened = (async () => {
    await cache.opening();
    const found = cache.find(mapping);
    if (found?.fresh !== true) throw new Error('not in the file');
    return fromCache(found);
  })();
  try {
    return await Promise.any([live, opened]);
  } catch {
    // The file may have brought an old value after the provider had failed.
    return await live.catch((thrown: unknown) => oldAfter(thrown, cache, mapping));
  }
}

function fromCache({ fetched, ageMs, fresh }: Cached): Answer {
  return { value: fetched.value, source: fresh ? 'cache' : 'stale', ageMs };
}

function notRegistered(id: string): PsiError {
  return new PsiError('NOT_FOUND', `psi holds no mapping for the secret id ${id}`, {
    hint: 'run `podman exec psi psi setup`; if it stays, `podman secret rm` it and run setup again',
  });
}

const SLOW = '`podman exec psi psi sealed status` says what the TPM or HSM says of itself';

function ownAnswer(value: SecretValue): Answer {
  return { value, source: 'sealed', ageMs: undefined };
}

function notConfigured({ provider }: Pick<Mapping, 'provider'>): PsiError {
  return new PsiError('NOT_FOUND', `the provider ${printable(provider)} is not configured`, {
    hint: 'add it to `providers:` in the config and restart psi.service',
  });
}
