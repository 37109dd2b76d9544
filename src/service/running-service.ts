// The running service: in which order it starts, and how it stops without dropping what was accepted. What it consists of is made elsewhere.

import type { Clock } from '../core/clock.ts';
import { taken, type Log } from './log.ts';

/** A socket that is served. */
export type Face = {
  /** Stops accepting, finishes what was accepted, then closes; after `graceMs` what is left is cut off. */
  readonly stop: (graceMs: number) => Promise<void>;
};

/** The encrypted cache with the keys that it is opened with. */
export type ServiceCache = {
  readonly cache: {
    /** Never rejects. */
    readonly open: () => Promise<void>;
    /** Saves what is left; may take as long as the device. */
    readonly close: () => Promise<void>;
  };
  readonly keys: readonly { readonly close: () => Promise<void> }[];
};

export type ServiceParts = {
  readonly clock: Clock;
  readonly log: Log;
  readonly config: { readonly close: () => void };
  /** Setups that the service does by itself. */
  readonly owed: { readonly start: () => Promise<void>; readonly stop: () => void };
  /** Undefined: the cache is off. */
  readonly cache: ServiceCache | undefined;
  /** Each begins to serve its socket. */
  readonly control: () => Promise<Face>;
  readonly driver: () => Promise<Face>;
  /** Looks after the driver's socket while it is served. */
  readonly watch: { readonly start: () => void; readonly close: () => void };
  /** Puts PSI's figures where a collector of the host finds them. */
  readonly figures: { readonly start: () => void; readonly close: () => void };
  /** For the line in the log that says that PSI serves. */
  readonly facts: Readonly<Record<string, unknown>>;
};

/**
 * How long a stop waits for requests that were accepted. A lookup may take longer (`lookup.timeout`), but the whole stop has to end before
 * systemd and Podman end it (`TimeoutStopSec=`, `StopTimeout=` of psi.container), and before people take it for hung.
 */
export const STOP_GRACE_MS = 2_500;

/** How long a stop waits in all: a save of the cache gets what the requests have left. A device that does not answer must not hold it up. */
export const STOP_MS = 3_200;

export class RunningService {
  readonly #parts: ServiceParts;
  readonly #faces: readonly Face[];

  private constructor(parts: ServiceParts, faces: readonly Face[]) {
    this.#parts = parts;
    this.#faces = faces;
  }

  /** Resolves when lookups are answered. The driver's socket comes last: whoever can ask it can count on all the rest. */
  static async start(parts: ServiceParts): Promise<RunningService> {
    const { cache, control, driver, facts, figures, log, watch } = parts;
    // Not awaited: an HSM takes seconds, and lookups go live meanwhile.
    void cache?.cache.open();
    const controlFace = await control();
    try {
      const service = new RunningService(parts, [await driver(), controlFace]);
      log.info(facts, 'psi serves');
      watch.start();
      figures.start();
      void parts.owed.start();
      return service;
    } catch (error) {
      // Nobody may set up secrets with a service that answers no lookups.
      await controlFace.stop(0);
      throw error;
    }
  }

  /** Finishes what was accepted, then lets go of providers and devices. */
  async stop(): Promise<void> {
    const { cache, clock, config, figures, log, owed, watch } = this.#parts;
    watch.close();
    figures.close();
    const end = clock.monotonic() + STOP_MS;
    log.info('stopping: finishing what was accepted');
    owed.stop();
    await Promise.all(this.#faces.map((face) => face.stop(STOP_GRACE_MS)));
    config.close();
    if (cache) await this.#closeCache(cache, end - clock.monotonic());
    log.info('stopped');
    // Node writes what is left of its log at the exit, and waits there for whoever does not read it.
    await taken(log);
  }

  async #closeCache({ cache, keys }: ServiceCache, graceMs: number): Promise<void> {
    const done = new AbortController();
    const late = this.#parts.clock.sleep(graceMs, done.signal).catch(() => undefined);
    await Promise.race([cache.close(), late]);
    done.abort();
    await Promise.all(keys.map((one) => one.close()));
  }
}
