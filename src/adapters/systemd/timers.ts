// When a timer of the host runs next, asked over D-Bus.

import type { UnitTimers } from '../../certificates/unit-timers.ts';
import { MANAGER, onBus } from './bus.ts';

const CALL_MS = 5_000;

export class SystemdTimers implements UnitTimers {
  readonly #socketPath: string;

  constructor(options: { readonly socketPath: string }) {
    this.#socketPath = options.socketPath;
  }

  async nextRun(timer: string): Promise<number | undefined> {
    const options = { timeout: CALL_MS };
    try {
      return await onBus(this.#socketPath, CALL_MS, async (bus) => {
        const unit = { ...MANAGER, member: 'GetUnit', signature: 's', body: [timer] };
        const path = await bus.invoke<string>(unit, options);
        const micros = await bus.invoke<unknown>(
          {
            ...{ destination: MANAGER.destination, path, interface: 'org.freedesktop.DBus.Properties', member: 'Get' },
            signature: 'ss',
            body: ['org.freedesktop.systemd1.Timer', 'NextElapseUSecRealtime'],
          },
          options,
        );
        // 0, or all bits set: never.
        const ms = typeof micros === 'bigint' ? Number(micros / 1000n) : 0;
        return ms > 0 && ms < Number.MAX_SAFE_INTEGER / 10 ? ms : undefined;
      });
    } catch {
      // No bus, no manager or no such unit: there is nothing to say.
      return undefined;
    }
  }
}
