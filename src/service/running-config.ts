// The config that the service runs with: what was read of it, the providers made from it, and how a changed file takes its place.

import type { Config } from '../config/config.ts';
import { ConfigError, issueText, type LocatedIssue } from '../config/findings/issue.ts';
import type { Env, ReadFile } from '../config/surroundings.ts';
import { readConfig, type Loaded } from '../config/load.ts';
import type { ProviderSection } from '../config/provider-section.ts';
import { indispensable } from '../config/unreadable.ts';
import { ConfigReferences } from './config-references.ts';
import { KeptConfig } from './kept-config.ts';
import type { Clock } from '../core/clock.ts';
import { toPsiError, type PsiError } from '../core/error.ts';
import { Mutex } from '../core/mutex.ts';
import type { SecretField } from '../core/secret-field.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { BatchedReader } from '../lookup/batching.ts';
import type { SecretSource } from '../provider/secret-source.ts';
import type { Silent } from '../provider/with-breaker.ts';
import { frozenDriverOptions } from '../registration/driver-command/options.ts';
import type { Candidate } from '../registration/setup-runs.ts';
import type { SetupTarget } from '../registration/setup-run.ts';
import { AcceptedTokens } from './accepted-tokens.ts';
import { goesOn, placeProblems, refusalProblem, tokenProblem, withoutConfig } from './config-problems.ts';
import type { LastGoodStore } from './last-good.ts';
import type { Log } from './log.ts';
import { RefusedConfig, type RefusedConfigDeps } from './refused-config.ts';
import { restartNeeded } from './restart-rules.ts';
import { socketToken, tokenAtStart, type SocketToken, type SocketTokenDeps } from './socket-token.ts';
import type { Origin, Start } from './starting-config.ts';

/** All providers of one config, by name. */
export type Providers = {
  readonly sources: ReadonlyMap<string, SecretSource>;
  readonly readers: ReadonlyMap<string, BatchedReader>;
  /** Of those that cannot be asked at all just now. */
  readonly problems: () => readonly PsiError[];
  /** What of each has given no usable answer. */
  readonly silent: () => ReadonlyMap<string, readonly Silent[]>;
  /** Asks those that were silent whether they are there again. Never fails, and ends within a second. */
  readonly lookAgain: () => Promise<void>;
  /** Ends connections and timers. Calls under way still finish. */
  readonly close: () => void;
};

export type RunningConfigDeps = SocketTokenDeps &
  RefusedConfigDeps & {
    readonly env: Env;
    readonly uid: number;
    readonly readFile: ReadFile;
    readonly kinds: readonly ProviderSection[];
    /** Tells one content of the file from another. */
    readonly digest: (bytes: Uint8Array) => string;
    /** Connects to nothing yet. */
    readonly providersOf: (config: Config) => Promise<Providers>;
    readonly lastGood: LastGoodStore;
    readonly clock: Clock;
    readonly log: Pick<Log, 'error' | 'info' | 'warn'>;
  };

/** What one reading of the config amounts to. */
type Reading = {
  readonly origin: Origin;
  readonly config: Config;
  readonly warnings: readonly LocatedIssue[];
  readonly content: Uint8Array | undefined;
  readonly digest: string | undefined;
  readonly token: SocketToken;
  readonly providers: Providers;
};

/** How what a config refers to is read. */
type References = {
  readonly token: (field: SecretField | undefined) => Promise<SocketToken>;
  readonly providers: (config: Config) => Promise<Providers>;
};

/** How long somebody who asks for the status waits for a look at the file. */
const LOOK_MS = 1_000;

/** Requests that nobody waits for cause a look no more often than that. */
const PAUSE_MS = 1_000;

export class RunningConfig {
  readonly #deps: RunningConfigDeps;
  readonly #tokens: AcceptedTokens;
  readonly #looks = new Mutex();
  /** The look that has not begun yet: whoever asks meanwhile shares it. One that has begun may have seen the file of before. */
  #nextLook: Promise<void> | undefined;
  readonly #kept: KeptConfig;
  readonly #references: ConfigReferences;
  #active: Reading;
  /** Of a candidate that was not activated, as with a dry run: that run may still be using them. */
  #unused: Providers | undefined;
  readonly #refused: RefusedConfig;
  #lookedAt = -Infinity;

  private constructor(deps: RunningConfigDeps, active: Reading, lastGoodProblem: PsiError | undefined) {
    this.#deps = deps;
    this.#active = active;
    this.#tokens = new AcceptedTokens(active.token.value);
    this.#refused = new RefusedConfig(active.config.file, deps);
    this.#kept = new KeptConfig(lastGoodProblem, deps);
    this.#references = new ConfigReferences(deps);
  }

  /** The service starts with this config, whatever of what it refers to can be read. */
  static async start(start: Start, deps: RunningConfigDeps): Promise<RunningConfig> {
    const { origin, config, warnings, content } = start;
    const active = {
      ...{ origin, config, warnings, content },
      digest: content && deps.digest(content),
      token: await tokenAtStart(start, deps),
      providers: await deps.providersOf(config),
    };
    const running = new RunningConfig(deps, active, start.lastGoodProblem);
    // Not awaited: neither is needed to serve.
    void running.#lookAtReferences();
    if (start.refusal) void running.#refused.refuse(start.refusal, undefined, origin);
    if (content && origin === 'file') await running.#kept.keep(content);
    return running;
  }

  /** What the service runs with now. */
  get config(): Config {
    return this.#active.config;
  }

  get lookupTimeoutMs(): number {
    return this.#active.config.lookup.timeoutMs;
  }

  /** Tokens that the driver socket accepts now; empty: its mode is the only guard. */
  get tokens(): readonly SecretValue[] {
    return this.#tokens.all;
  }

  /** Why the driver socket takes no request: it is to be guarded by a token, and there is none to compare with. */
  get closed(): PsiError | undefined {
    const { origin, token } = this.#active;
    if (token.value) return undefined;
    return origin === 'nothing' ? this.withoutConfig : tokenProblem(token);
  }

  /** Why no lookup can be answered at all; undefined: there is a config. */
  get withoutConfig(): PsiError | undefined {
    const refused = this.#refused.now;
    return this.#active.origin === 'nothing' && refused ? withoutConfig(refused) : undefined;
  }

  /** `closed`, for a request. What was wrong may be mended by now: the next one profits from it. */
  refuseRequests(): PsiError | undefined {
    if (this.closed) this.lookSoon();
    return this.closed;
  }

  /** `withoutConfig`, for a lookup. */
  refuseLookups(): PsiError | undefined {
    if (this.#active.origin === 'nothing') this.lookSoon();
    return this.withoutConfig;
  }

  /** What lookups are answered for now. */
  get target(): SetupTarget {
    return targetOf(this.#active);
  }

  /** What of each provider has given no usable answer. */
  silent(): ReadonlyMap<string, readonly Silent[]> {
    return this.#active.providers.silent();
  }

  lookAtProviders(): Promise<void> {
    return this.#active.providers.lookAgain();
  }

  readerOf(provider: string): BatchedReader | undefined {
    return this.#active.providers.readers.get(provider);
  }

  /** All that is wrong with the config and with what it refers to, as it was found last. */
  problems(): readonly PsiError[] {
    const { origin, config, token, providers } = this.#active;
    const refused = this.#refused.now;
    const found = [
      refused && refusalProblem(refused, origin),
      tokenProblem(token),
      ...this.#references.unreadable,
      ...providers.problems(),
      this.#kept.problem,
      ...(origin === 'nothing' ? [] : placeProblems(config, this.#deps.env)),
    ].filter((problem) => problem !== undefined);
    // A file of an authority that is not there keeps its provider from being opened too.
    return [...new Map(found.map((problem) => [problem.message, problem])).values()];
  }

  /** What the config says that works, if not as it was meant. */
  notes(): readonly string[] {
    return this.#active.warnings.map(noteOf);
  }

  /**
   * Looks whether the file is still the config that the service runs with, and whether all can be read that it refers to. A good file takes
   * the place of a config that the service fell back to: a restart would do the same. Never fails, and waits for no disk longer than a second.
   */
  async look(): Promise<void> {
    const done = new AbortController();
    const late = this.#deps.clock.sleep(LOOK_MS, done.signal).catch(() => undefined);
    this.#nextLook ??= this.#looks.run(() => {
      this.#nextLook = undefined;
      return this.#look();
    });
    await Promise.race([this.#nextLook, late]);
    done.abort();
  }

  /** The same without anybody who waits for it. */
  lookSoon(): void {
    if (this.#deps.clock.monotonic() - this.#lookedAt < PAUSE_MS) return;
    void this.look();
  }

  /**
   * The config as it is in the file now, for one setup run; runs come one after another. A bad file, or a change that takes a restart, is
   * thrown and changes nothing.
   */
  async candidate(): Promise<Candidate> {
    this.#closeUnused();
    const next = await this.#next();
    if (next.providers !== this.#active.providers) this.#unused = next.providers;
    return {
      target: targetOf(next),
      notes: next.warnings.map(noteOf),
      activate: () => this.#activate(next),
      settle: () => {
        this.#tokens.settle(next.token.value);
      },
    };
  }

  /** Ends the connections of all providers. */
  close(): void {
    this.#closeUnused();
    this.#active.providers.close();
  }

  async #next(): Promise<Reading> {
    const content = this.#content();
    try {
      return await this.#read(content, this.#strict);
    } catch (thrown) {
      const error = toPsiError(thrown);
      await this.#refused.refuse(error, await this.#digestOf(content), this.#active.origin);
      if (!(error instanceof ConfigError)) throw error;
      const { consequence, hint } = goesOn(this.#active.origin);
      throw new ConfigError(`${error.message}; ${consequence}`, error.issues, hint);
    }
  }

  #content(): Promise<Uint8Array> {
    const content = this.#deps.readFile(this.#active.config.file);
    // Whoever waits for it hears of a failure.
    content.catch(() => undefined);
    return content;
  }

  #digestOf(content: Promise<Uint8Array>): Promise<string | undefined> {
    return content.then(this.#deps.digest, () => undefined);
  }

  async #read(content: Promise<Uint8Array>, references: References): Promise<Reading> {
    const active = this.#active;
    const { token, providers } = references;
    const digest = await this.#digestOf(content);
    // The token may be a file or a credential of its own, so it is read even where the config is the same.
    if (digest !== undefined && digest === active.digest) {
      return { ...active, origin: 'file', token: await token(active.config.socketToken) };
    }
    const loaded = await this.#loaded(content);
    const refusal = restartNeeded(active.config, loaded.config);
    if (refusal) throw refusal;
    const { config } = loaded;
    return {
      ...loaded,
      ...{ origin: 'file', digest },
      token: await token(config.socketToken),
      providers: await providers(config),
    };
  }

  /** What another config refers to has to be there: it takes the place of one with which PSI can be asked, and asks. */
  get #strict(): References {
    return {
      token: async (field) => ({ value: await this.#deps.secrets.read(field), problem: undefined }),
      providers: (config) => this.#opened(config),
    };
  }

  /** As at a start, it has not. */
  get #lenient(): References {
    return { token: (field) => socketToken(field, this.#deps), providers: (config) => this.#deps.providersOf(config) };
  }

  /** A file that cannot be read is refused by the same words as at the start. */
  #loaded(content: Promise<Uint8Array>): Promise<Loaded> {
    const { env, uid, kinds } = this.#deps;
    return readConfig({ path: this.#active.config.file, env, uid, kinds, readFile: () => content });
  }

  async #opened(config: Config): Promise<Providers> {
    const providers = await this.#deps.providersOf(config);
    const [problem] = providers.problems();
    if (!problem) return providers;
    providers.close();
    throw problem;
  }

  async #activate(next: Reading): Promise<void> {
    const before = this.#active;
    // With no token to compare with the socket was closed: that must not look like one that is open to all.
    if (this.closed) this.#tokens.settle(next.token.value);
    else this.#tokens.admit(next.token.value);
    this.#active = next;
    if (this.#unused === next.providers) this.#unused = undefined;
    if (before.providers !== next.providers) before.providers.close();
    this.#refused.accept();
    if (next.content) await this.#kept.keep(next.content);
  }

  async #look(): Promise<void> {
    this.#lookedAt = this.#deps.clock.monotonic();
    await this.#lookAtFile();
    await this.#lookAtToken();
    await this.#lookAtReferences();
  }

  async #lookAtFile(): Promise<void> {
    const content = this.#content();
    const digest = await this.#digestOf(content);
    const { origin, config, digest: active } = this.#active;
    if (origin === 'file' && digest !== undefined && digest === active) {
      this.#refused.accept();
      return;
    }
    if (this.#refused.holds(digest) && this.#refused.now?.error instanceof ConfigError) return;
    try {
      if (origin === 'file') {
        const fresh = (await this.#loaded(content)).config;
        const refusal = restartNeeded(config, fresh) ?? (await indispensable(fresh, this.#deps))[0];
        if (refusal) throw refusal;
        this.#refused.accept();
      } else await this.#takeOver(await this.#read(content, this.#lenient));
    } catch (thrown) {
      await this.#refused.refuse(toPsiError(thrown), digest, origin);
    }
  }

  async #takeOver(next: Reading): Promise<void> {
    // A setup was quicker.
    if (this.#active.origin === 'file') {
      if (next.providers !== this.#active.providers) next.providers.close();
      return;
    }
    await this.#activate(next);
    this.#deps.log.info({ file: next.config.file }, 'the config is good again: psi goes on with it');
  }

  /** One that could not be read may be there by now. One that can no longer be read is good for as long as the service runs. */
  async #lookAtToken(): Promise<void> {
    const before = this.#active;
    const { socketToken: field } = before.config;
    const token = before.token.problem
      ? await socketToken(field, this.#deps)
      : await this.#stillRead(before.token, field);
    if (this.#active !== before) return;
    const closed = this.closed !== undefined;
    this.#active = { ...before, token };
    if (closed) this.#tokens.settle(token.value);
    else if (before.token.problem && token.value) this.#tokens.admit(token.value);
  }

  async #stillRead(token: SocketToken, field: SecretField | undefined): Promise<SocketToken> {
    try {
      await this.#deps.secrets.read(field);
      return token;
    } catch (thrown) {
      return { ...token, problem: toPsiError(thrown) };
    }
  }

  /** The token has a problem of its own. */
  #lookAtReferences(): Promise<void> {
    return this.#references.look({ ...this.#active.config, socketToken: undefined });
  }

  #closeUnused(): void {
    this.#unused?.close();
    this.#unused = undefined;
  }
}

function noteOf(warning: LocatedIssue): string {
  return `${issueText(warning)}; ${warning.hint}`;
}

function targetOf({ config, token, providers }: Reading): SetupTarget {
  return {
    workloads: config.workloads,
    pattern: config.pattern,
    socketToken: token.value,
    sourceOf: (provider) => providers.sources.get(provider),
    options: frozenDriverOptions(config),
  };
}
