// When a timer of the host runs, asked over D-Bus.

import type { UnitTimers } from '../../certificates/unit-timers.ts';
import { MANAGER, onBus } from './bus.ts';

const CALL_MS = 5_000;

export class SystemdTimers implements UnitTimers {
  readonly #socketPath: string;

  constructor(options: { readonly socketPath: string }) {
    this.#socketPath = options.socketPath;
  }

  async nextRun(timer: string): Promise<number | undefined> {
    const [micros] = await this.#properties(timer, ['NextElapseUSecRealtime']);
    // 0, or all bits set: never.
    const ms = typeof micros === 'bigint' ? Number(micros / 1000n) : 0;
    return ms > 0 && ms < Number.MAX_SAFE_INTEGER / 10 ? ms : undefined;
  }

  async calendars(timer: string): Promise<readonly string[] | undefined> {
    const [calendar, monotonic] = await this.#properties(timer, ['TimersCalendar', 'TimersMonotonic']);
    if (!Array.isArray(calendar) || !Array.isArray(monotonic) || monotonic.length > 0) return undefined;
    // Each is [how, what, when next].
    const texts = calendar.map((entry: unknown) =>
      Array.isArray(entry) ? (entry as readonly unknown[])[1] : undefined,
    );
    return texts.filter((text) => typeof text === 'string');
  }

  /** In that order; none where nobody can be asked. */
  async #properties(timer: string, names: readonly string[]): Promise<readonly unknown[]> {
    const options = { timeout: CALL_MS };
    try {
      return await onBus(this.#socketPath, CALL_MS, async (bus) => {
        const unit = { ...MANAGER, member: 'GetUnit', signature: 's', body: [timer] };
        const path = await bus.invoke<string>(unit, options);
        const get = {
          destination: MANAGER.destination,
          path,
          interface: 'org.freedesktop.DBus.Properties',
          member: 'Get',
        };
        return await Promise.all(
          names.map((name) =>
            Promise.resolve(
              bus.invoke<unknown>({ ...get, signature: 'ss', body: ['org.freedesktop.systemd1.Timer', name] }, options),
            ),
          ),
        );
      });
    } catch {
      // No bus, no manager or no such unit: there is nothing to say.
      return [];
    }
  }
}
