// Answers Podman's lookup: id → mapping (memory) → cache (memory) → provider, within a deadline. Never calls Podman: it holds its lock
// meanwhile.

import { PsiError, toPsiError } from '../core/error.ts';
import type { Mapping } from '../core/mapping.ts';
import { isSecretId, printable } from '../core/naming.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { AnswerSource, AuditLog, LookupEvent } from './audit-log.ts';
import type { Clock } from '../core/clock.ts';
import type { SecretCache } from '../cache/cache.ts';
import { withDeadline } from '../core/deadline.ts';
import type { MappingTable } from './mapping-table.ts';
import type { Resolver } from './batching.ts';
import type { StatusBoard } from './status.ts';

export type LookupDeps = {
  readonly mappings: MappingTable;
  /** The resolver of a provider as configured now. */
  readonly resolverOf: (provider: string) => Resolver | undefined;
  /** Undefined: every lookup goes to the provider. */
  readonly cache: Pick<SecretCache, 'held' | 'resolve'> | undefined;
  readonly timeoutMs: () => number;
  readonly clock: Clock;
  readonly audit: AuditLog;
  readonly status: StatusBoard;
};

export type Answer = {
  readonly value: SecretValue;
  readonly source: AnswerSource;
  /** Since the provider gave the value; 0 for a live one. */
  readonly ageMs: number;
};

export class Lookup {
  readonly #deps: LookupDeps;

  constructor(deps: LookupDeps) {
    this.#deps = deps;
  }

  /** What is at hand, without a promise or a timer: most lookups of a host are these. Undefined: it takes a `lookup`. */
  held(id: string): Answer | undefined {
    const { cache, clock, mappings, resolverOf } = this.#deps;
    const startedAt = clock.monotonic();
    const mapping = cache && mappings.get(id);
    if (!mapping || !resolverOf(mapping.provider)) return undefined;
    const answer = cache.held(mapping);
    if (answer) this.#note(id, startedAt, answer.source, undefined);
    return answer;
  }

  /** The value of a registered id, or a PsiError whose message names the secret. */
  async lookup(id: string): Promise<Answer> {
    const startedAt = this.#deps.clock.monotonic();
    try {
      const answer = await this.#resolve(id, this.#deps.mappings.get(id));
      this.#note(id, startedAt, answer.source, undefined);
      return answer;
    } catch (thrown) {
      const error = toPsiError(thrown);
      this.#note(id, startedAt, undefined, error);
      throw error;
    }
  }

  #note(id: string, startedAt: number, source: AnswerSource | undefined, error: PsiError | undefined): void {
    const { audit, clock, mappings, status } = this.#deps;
    const subject = { id: printable(id), name: mappings.nameOf(id), provider: mappings.get(id)?.provider };
    const ms = Math.round((clock.monotonic() - startedAt) * 1000) / 1000;
    const event: LookupEvent = { ...subject, source, outcome: error?.code ?? 'ok', ms };
    audit.lookup(event);
    status.lookup(event, error);
  }

  async #resolve(id: string, mapping: Mapping | undefined): Promise<Answer> {
    if (!isSecretId(id)) throw notAnId();
    if (!mapping) {
      throw new PsiError('NOT_FOUND', `psi holds no mapping for the secret id ${id}`, {
        hint: 'run `podman exec psi psi setup`; if it stays, `podman secret rm` it and run setup again',
      });
    }
    const resolver = this.#deps.resolverOf(mapping.provider);
    if (!resolver) {
      throw new PsiError('NOT_FOUND', `the provider ${printable(mapping.provider)} is not configured`, {
        hint: 'add it to `providers:` in the config and restart psi.service',
      });
    }
    const { cache, clock, timeoutMs } = this.#deps;
    // Round the provider only: a cache that is still being opened may be worth more than the failure of a provider that is down, and
    // Podman's curl sets the bound of that.
    const deadline = { ms: timeoutMs(), what: `the lookup of ${printable(mapping.key)}` };
    const live = (): Promise<SecretValue> => withDeadline(clock, deadline, () => resolver.resolve(mapping));
    return cache ? cache.resolve(mapping, live) : { value: await live(), source: 'live', ageMs: 0 };
  }
}

/** The refusal of a malformed id; the id itself is not repeated, it may be anything. */
export function notAnId(): PsiError {
  return new PsiError('BAD_REQUEST', 'this is no secret id: expected 1 to 128 letters, digits, dashes or underscores', {
    hint: 'podman passes the id as $SECRET_ID; `podman secret ls` shows the ids there are',
  });
}
