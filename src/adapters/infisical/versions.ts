// Which of the API's versions a server has, found out by asking. Never kept on disk: servers get upgraded.

import type { Clock } from '../../core/clock.ts';
import type { ApiVersion } from './requests.ts';

export type VersionSetting = 'auto' | ApiVersion;

/** After this the newer version is tried again, at the cost of one request. */
const REMEMBER_MS = 3_600_000;

export class Versions {
  readonly #setting: VersionSetting;
  readonly #clock: Clock;
  #oldUntil = 0;

  constructor(setting: VersionSetting, clock: Clock) {
    this.#setting = setting;
    this.#clock = clock;
  }

  /** In the order in which they are to be tried. */
  get candidates(): readonly [ApiVersion, ...ApiVersion[]] {
    if (this.#setting !== 'auto') return [this.#setting];
    return this.#clock.monotonic() < this.#oldUntil ? ['v3', 'v4'] : ['v4', 'v3'];
  }

  /** This one has answered. */
  found(version: ApiVersion): void {
    if (version === 'v4') this.#oldUntil = 0;
    else if (this.#clock.monotonic() >= this.#oldUntil) this.#oldUntil = this.#clock.monotonic() + REMEMBER_MS;
  }
}
