// Podman's secret database in memory, with the habits that matter to PSI: driver commands run under one lock, options are frozen,
// replace deletes before it stores, and versions differ. Knows nothing of HTTP or of PSI's port.
import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';

export type Options = Readonly<Record<string, string>>;

/** What the store and delete commands do; a rejection is a command that exits with a status other than 0. */
export type DriverFace = {
  readonly store: (id: string, body: Uint8Array, options: Options) => Promise<void>;
  readonly delete: (id: string, options: Options) => Promise<void>;
};

export type FakeSecret = {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly options: Options;
  readonly labels: Options;
  /** Counts up: a later change has a higher number. */
  readonly updated: number;
};

export type CreateRequest = {
  readonly name: string;
  readonly driver: string;
  readonly options: Options;
  readonly labels: Options;
  readonly body: Uint8Array;
  readonly replace: boolean;
};

/** Podman's `{cause, message, response}`. */
export class PodmanRefusal extends Error {
  readonly reason: string;
  readonly status: number;

  constructor(status: number, reason: string, message: string = reason) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** As Podman shows one: files stand in `secrets`, variables nowhere but in the command that made it. */
export type FakeContainer = {
  readonly id: string;
  readonly name: string;
  readonly secrets: readonly { readonly name: string; readonly id: string }[];
  readonly command: readonly string[];
};

/** Ends a request as a kill of Podman does: nobody is answered, and what its database holds by then stays. */
export class PodmanKilled extends Error {}

/** Where a replace is: before it, the delete command is answered, the old one is out of the database, the store command is answered, the new one is in. */
export const REPLACE_STEPS = ['begun', 'let go', 'deleted', 'stored', 'made'] as const;
export type ReplaceStep = (typeof REPLACE_STEPS)[number];

export type Write = { readonly op: 'create' | 'replace' | 'remove'; readonly name: string };

export type FakePodmanOptions = { readonly version?: string; readonly driver: DriverFace };

const FOUR_OPTIONS = ['delete', 'list', 'lookup', 'store'];

export class FakePodman {
  version: string;
  readonly driver: DriverFace;
  /** Write calls that arrived, whatever became of them. */
  readonly writes: Write[] = [];
  /** After each of them has arrived. */
  onWrite: () => void = () => undefined;
  /** Called when a replace is there. What it throws ends the request. */
  onReplace: (step: ReplaceStep) => Promise<void> = () => Promise.resolve();
  /** Makes the next creates come out with other settings than asked for. */
  mixUp: ((request: CreateRequest) => CreateRequest) | undefined;
  /** The id that creates answer, whatever they made. */
  answerId: string | undefined;
  /** Makes every create fail with these words. */
  refuseCreate: { readonly status: number; readonly reason: string; readonly message: string } | undefined;
  /** Makes creates wait for it before anything is done. */
  holdCreate: Promise<unknown> | undefined;
  readonly containers: FakeContainer[] = [];
  readonly #secrets = new Map<string, FakeSecret>();
  readonly #idByName = new Map<string, string>();
  /** What the file driver keeps. */
  readonly #data = new Map<string, Uint8Array>();
  readonly #insideDriver = new AsyncLocalStorage<boolean>();
  #lock: Promise<unknown> = Promise.resolve();
  #counter = 0;

  constructor(options: FakePodmanOptions) {
    this.version = options.version ?? '5.4.2';
    this.driver = options.driver;
  }

  atLeast(wantedMajor: number, wantedMinor: number): boolean {
    const [major = 0, minor = 0] = this.version.split('.').map(Number);
    return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  }

  list(): Promise<readonly FakeSecret[]> {
    return this.#locked(() => Promise.resolve([...this.#secrets.values()]));
  }

  /** By name, id or unique prefix of an id, as Podman resolves them. */
  inspect(nameOrId: string): Promise<FakeSecret> {
    return this.#locked(() => Promise.resolve(this.#resolve(nameOrId)));
  }

  /** With the value, where this version shows it and the driver is the file driver. */
  show(nameOrId: string): Promise<{ readonly secret: FakeSecret; readonly data: Uint8Array | undefined }> {
    return this.#locked(() => {
      const secret = this.#resolve(nameOrId);
      return Promise.resolve({ secret, data: this.atLeast(4, 7) ? this.#data.get(secret.id) : undefined });
    });
  }

  async create(request: CreateRequest): Promise<string> {
    const replace = request.replace && this.atLeast(4, 7);
    this.#arrived({ op: replace ? 'replace' : 'create', name: request.name });
    await this.holdCreate;
    return this.#locked(async () => {
      const id = await this.#create(this.mixUp?.(request) ?? request, replace);
      return this.answerId ?? id;
    });
  }

  remove(nameOrId: string): Promise<void> {
    this.#arrived({ op: 'remove', name: nameOrId });
    return this.#locked(async () => {
      const secret = this.#resolve(nameOrId);
      await this.#runDelete(secret, secret.options, nameOrId);
      this.#forget(secret.id);
    });
  }

  #arrived(write: Write): void {
    this.writes.push(write);
    this.onWrite();
  }

  async #create(request: CreateRequest, replace: boolean): Promise<string> {
    if (this.refuseCreate)
      throw new PodmanRefusal(this.refuseCreate.status, this.refuseCreate.reason, this.refuseCreate.message);
    this.#check(request);
    const taken = this.#idByName.get(request.name);
    if (taken !== undefined && !replace) {
      throw new PodmanRefusal(500, 'secret name in use', `${request.name}: secret name in use`);
    }
    const step = replace ? this.onReplace : () => Promise.resolve();
    await step('begun');
    if (replace) await this.#deleteBeforeReplace(taken, request);
    const id = createHash('sha256')
      .update(`secret ${String((this.#counter += 1))}`)
      .digest('hex')
      .slice(0, 25);
    if (request.driver === 'shell') {
      const stored = this.#insideDriver.run(true, () => this.driver.store(id, request.body, request.options));
      await stored.catch(() => {
        throw new PodmanRefusal(500, 'exit status 22', `creating secret ${request.name}: exit status 22`);
      });
    }
    await step('stored');
    if (request.driver === 'file') this.#data.set(id, request.body);
    const { name, driver, options, labels } = request;
    this.#secrets.set(id, { id, name, driver, options, labels, updated: this.#counter });
    this.#idByName.set(name, id);
    await step('made');
    return id;
  }

  /**
   * The delete command runs with the NEW options, and for a new name with an empty id. If that succeeds, the database is asked for the
   * empty id, which as a prefix fits everything.
   */
  async #deleteBeforeReplace(taken: string | undefined, request: CreateRequest): Promise<void> {
    try {
      await this.#runDelete(
        { id: taken ?? '', name: request.name, driver: request.driver },
        request.options,
        request.name,
      );
    } catch (error) {
      if (this.atLeast(5, 1)) return;
      throw error;
    }
    await this.onReplace('let go');
    if (taken !== undefined) this.#forget(taken);
    else if (this.#secrets.size > 0) this.#forget(this.#resolve('').id);
    await this.onReplace('deleted');
  }

  async #runDelete(
    secret: { id: string; name: string; driver: string },
    options: Options,
    asked: string,
  ): Promise<void> {
    if (secret.driver !== 'shell') return;
    const deleted = this.#insideDriver.run(true, () => this.driver.delete(secret.id, options));
    await deleted.catch(() => {
      const reason = this.atLeast(5, 1) ? 'no such secret' : 'no secret data with ID';
      throw new PodmanRefusal(
        this.atLeast(5, 1) ? 404 : 500,
        reason,
        `deleting secret ${asked}: ${secret.id}: ${reason}`,
      );
    });
  }

  #check({ name, driver, options, body }: CreateRequest): void {
    const valid = this.atLeast(4, 7)
      ? /^[^,/=\0]+$/.test(name) && Buffer.byteLength(name) <= 253
      : /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) &&
        name.length <= (this.atLeast(4, 6) ? 253 : 64) &&
        !/[-.]$/.test(name);
    if (!valid) throw new PodmanRefusal(500, 'invalid secret name', `${name}: invalid secret name`);
    if (body.length < 1 || body.length >= 512_000) {
      throw new PodmanRefusal(500, 'secret data must be larger than 0 and less than 512000 bytes');
    }
    if (driver !== 'shell' && driver !== 'file') throw new PodmanRefusal(500, 'invalid driver');
    if (driver !== 'shell') return;
    const other = Object.keys(options).find((key) => !FOUR_OPTIONS.includes(key));
    if (other !== undefined) throw new PodmanRefusal(500, `invalid shell driver option: "${other}"`);
    if (FOUR_OPTIONS.some((key) => !options[key])) throw new PodmanRefusal(500, 'missing config value');
  }

  #resolve(nameOrId: string): FakeSecret {
    const exact = this.#secrets.get(nameOrId) ?? this.#secrets.get(this.#idByName.get(nameOrId) ?? '-');
    if (exact) return exact;
    const [found, ...others] = [...this.#secrets.values()].filter((secret) => secret.id.startsWith(nameOrId));
    if (others.length > 0) {
      throw new PodmanRefusal(
        500,
        'secret is ambiguous',
        `more than one result secret with prefix ${nameOrId}: secret is ambiguous`,
      );
    }
    if (!found)
      throw new PodmanRefusal(404, 'no such secret', `no secret with name or id "${nameOrId}": no such secret`);
    return found;
  }

  /** By id, and the name goes too, even where it belongs to a newer entry by now. */
  #forget(id: string): void {
    const secret = this.#secrets.get(id);
    if (!secret) return;
    this.#secrets.delete(id);
    this.#idByName.delete(secret.name);
  }

  /** One at a time. The real Podman hangs where a driver command waits for it; here that fails at once, so that a test can see it. */
  #locked<T>(work: () => Promise<T>): Promise<T> {
    if (this.#insideDriver.getStore()) {
      return Promise.reject(new Error('deadlock: podman was called while a driver request was being answered'));
    }
    const result = this.#lock.then(work);
    this.#lock = result.catch(() => undefined);
    return result;
  }
}
