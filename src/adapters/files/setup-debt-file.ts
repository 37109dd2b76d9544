// The workloads that a setup is owed for, in the state folder for as long as there are any.

import type { SetupDebt, SetupDebtStore } from '../../registration/setup-debt.ts';
import { StateFile } from './state-file.ts';

const FORMAT = 1;
const MOST_BYTES = 256 * 1024;
const ALL: SetupDebt = { workloads: undefined };

export class SetupDebtFile implements SetupDebtStore {
  readonly #file: StateFile;

  constructor({ stateDir }: { readonly stateDir: string }) {
    const what = 'note the setup that is owed';
    this.#file = new StateFile({ stateDir, name: 'setup.owed', most: MOST_BYTES, what });
  }

  async read(): Promise<SetupDebt | undefined> {
    try {
      const text = await this.#file.read();
      return text === undefined ? undefined : decode(text);
    } catch {
      return ALL;
    }
  }

  write({ workloads }: SetupDebt): Promise<void> {
    return this.#file.write(JSON.stringify({ format: FORMAT, workloads: workloads ?? null }));
  }

  clear(): Promise<void> {
    return this.#file.remove();
  }
}

/** Of another format, or none: a setup of all pays whatever it says. */
function decode(text: string): SetupDebt {
  const content: unknown = JSON.parse(text);
  if (typeof content !== 'object' || content === null || !('workloads' in content)) return ALL;
  if (!('format' in content) || content.format !== FORMAT) return ALL;
  const { workloads } = content;
  if (!Array.isArray(workloads) || !workloads.every((name) => typeof name === 'string')) return ALL;
  return { workloads };
}
