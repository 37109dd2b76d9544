// An empty file in the state folder, there for as long as systemd has drop-ins to read.

import type { ReloadDebt } from '../../registration/reload-debt.ts';
import { StateFile } from './state-file.ts';

export class ReloadDebtFile implements ReloadDebt {
  readonly #file: StateFile;

  constructor({ stateDir }: { readonly stateDir: string }) {
    this.#file = new StateFile({ stateDir, name: 'reload.owed', most: 0, what: 'note the reload that systemd owes' });
  }

  owed(): Promise<boolean> {
    return this.#file.exists();
  }

  async owe(): Promise<void> {
    if (!(await this.owed())) await this.#file.write('');
  }

  settle(): Promise<void> {
    return this.#file.remove();
  }
}
