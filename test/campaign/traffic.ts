// Everything at once, as on a host that is busy: stores and deletes of ids, lookups, and a setup. Ends when PSI does.

import { ask } from '../hosts/psi-process.ts';
import type { Observed } from '../process/observed/stage.ts';
import { idOf, lookUp, mappingOf } from './campaign.ts';
import { Ledger, type Held } from './ledger.ts';
import type { Random } from './random.ts';

/** They are there all the time, so that each mapping has a value. */
export const KEYS: readonly [string, ...string[]] = ['K0', 'K1', 'K2', 'K3', 'K4', 'K5'];
export const valueOf = (key: string): string => `value of ${key}`;
/** These come and go between setups. */
const PASSING: readonly [string, ...string[]] = ['P0', 'P1', 'P2', 'P3'];
const IDS = 40;

export class Traffic {
  readonly ledger = new Ledger();
  readonly #it: Observed;
  readonly #random: Random;
  /** Which of those that come and go are at the provider now. */
  readonly present = new Set<string>();
  setups = 0;

  constructor(it: Observed, random: Random) {
    this.#it = it;
    this.#random = random;
  }

  /** Everything begins; what is answered is in the ledger. Resolves when nothing is under way any more. */
  async go(over: AbortSignal): Promise<void> {
    this.#change();
    const lanes = Array.from({ length: 6 }, () => this.#writes(over));
    await Promise.all([...lanes, this.#looks(over), this.#setup()]);
  }

  /** What is at the provider changes, so that a setup has something to do. */
  #change(): void {
    const key = this.#random.pick(PASSING);
    if (this.present.delete(key)) this.#it.remove('/app', key);
    else {
      this.present.add(key);
      this.#it.set('/app', key, valueOf(key));
    }
  }

  async #writes(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      const id = idOf(this.#random.below(IDS));
      // Two at once of one id have no order that a client could know.
      if (this.ledger.busy(id)) await new Promise((next) => setImmediate(next));
      else if (!(await this.#write(id, this.#random.below(4) === 0 ? undefined : this.#random.pick(KEYS)))) return;
    }
  }

  /** False: nobody answers any more. */
  async #write(id: string, to: Held): Promise<boolean> {
    const socket = this.#it.psi.socket;
    this.ledger.begins(id, to);
    const asked =
      to === undefined ? ask(socket, 'DELETE', `/delete/${id}`) : ask(socket, 'POST', `/store/${id}`, mappingOf(to));
    const answer = await asked.catch(() => undefined);
    if (answer?.status === 200) this.ledger.acknowledges(id, to);
    return answer?.status === 200;
  }

  async #looks(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      const found = await lookUp(this.#it.psi.socket, idOf(this.#random.below(IDS))).catch(() => undefined);
      if (found === undefined) return;
    }
  }

  async #setup(): Promise<void> {
    const { options } = this.#it;
    const answer = await ask(`${options.dir}/control.sock`, 'POST', '/setup', '{}', {
      'content-type': 'application/json',
    }).catch(() => undefined);
    if (answer?.body.toString('utf8').includes('"event":"done"')) this.setups += 1;
  }
}
