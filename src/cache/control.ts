// What `psi cache` asks of the running service. The cache itself does not know names, workloads or devices; this does.

import { PsiError, toPsiError } from '../core/error.ts';
import { printable } from '../core/naming.ts';
import { isoTimeOrNull } from '../core/time.ts';
import type { KeyWrapper } from '../sealing/key-wrapper.ts';
import type { CacheStatus } from './status.ts';
import type { SecretCache } from './cache.ts';
import type { RecipientState } from '../sealing/recipient-state.ts';
import { keyReport, type KeyReport } from '../sealing/key-report.ts';
import type { NamedSecret, Registered } from './registered.ts';
import { failureOf, type Failure } from '../core/failure.ts';

export type CacheControlDeps = {
  /** Undefined: the cache is off. */
  readonly running: { readonly cache: SecretCache; readonly keys: readonly KeyWrapper[] } | undefined;
  readonly mappings: Registered;
  /** Podman's secrets; rejects while it is away. */
  readonly registry: { readonly list: () => Promise<readonly NamedSecret[]> };
};

export type CacheReport = CacheStatus & {
  /** Registered secrets that no value is cached of: they cannot be looked up during an outage. */
  readonly missing: number;
  readonly keys: readonly KeyReport[];
  /** Of the file on disk; null: it cannot be made out. Only with `verify` a token is tried. */
  readonly recipients: readonly RecipientState[] | null;
  /** Null: not asked for. */
  readonly verified: Verified | null;
};

/** Of the file as it is on disk, opened anew. */
export type Verified =
  | { readonly ok: true; readonly entries: number; readonly writtenAt: string | null }
  | { readonly ok: false; readonly failure: Failure };

export class CacheControl {
  readonly #deps: CacheControlDeps;

  constructor(deps: CacheControlDeps) {
    this.#deps = deps;
  }

  /** Undefined: the cache is off. */
  async status(options: { readonly verify: boolean }): Promise<CacheReport | undefined> {
    const { running, mappings } = this.#deps;
    if (running === undefined) return undefined;
    const { cache, keys } = running;
    const verified = options.verify ? await verify(cache) : null;
    const reports = await Promise.all(keys.map(async (one) => keyReport(one.backend, await one.describe())));
    const recipients = await cache.recipients({ logIn: options.verify }).then(
      (states) => states ?? [],
      () => null,
    );
    await mappings.readRest();
    const missing = mappings.all().filter((mapping) => !cache.holds(mapping)).length;
    return { ...cache.status(), missing, keys: reports, recipients, verified };
  }

  /** By Podman's name of a secret, by its id, or by a workload's name: all of its secrets. Answers how many were cached. */
  async invalidate(name: string): Promise<{ readonly named: number; readonly dropped: number }> {
    const { running, mappings, registry } = this.#deps;
    if (running === undefined) throw cacheIsOff('invalidate');
    await mappings.readRest();
    // Podman may be away; then the names that are known have to do.
    await registry.list().then(
      (secrets) => {
        mappings.learnNames(secrets);
      },
      () => undefined,
    );
    const named = [...mappings.ofSecret(name), ...mappings.ofWorkload(name)];
    if (named.length === 0) {
      throw new PsiError('NOT_FOUND', `psi knows no secret or workload ${printable(name)}`, {
        hint: '`podman secret ls` shows the names there are, such as myapp--DB_HOST; `myapp` stands for all of its secrets',
      });
    }
    return { named: named.length, dropped: await running.cache.forget(named) };
  }
}

async function verify(cache: SecretCache): Promise<Verified> {
  try {
    const content = await cache.verify();
    const writtenAt = isoTimeOrNull(content?.writtenAt);
    return { ok: true, entries: content?.entries.length ?? 0, writtenAt };
  } catch (thrown) {
    const error = toPsiError(thrown);
    return { ok: false, failure: failureOf(error) };
  }
}

export function cacheIsOff(what: string): PsiError {
  return new PsiError('CONFIG_INVALID', `the cache is off: there is nothing to ${what}`, {
    hint: 'turn it on in the config: `cache: {enabled: true, backend: tpm}`, then `systemctl restart psi.service`',
  });
}
