// What PSI has acknowledged: the measure of whether anything was lost. An answer that never came may be either.

export type Held = string | undefined;

export class Ledger {
  /** Id → the key that was stored last, undefined: deleted. */
  readonly #sure = new Map<string, Held>();
  readonly #underWay = new Map<string, Held>();
  acknowledged = 0;

  get ids(): readonly string[] {
    return [...new Set([...this.#sure.keys(), ...this.#underWay.keys()])];
  }

  busy(id: string): boolean {
    return this.#underWay.has(id);
  }

  begins(id: string, to: Held): void {
    this.#underWay.set(id, to);
  }

  acknowledges(id: string, to: Held): void {
    this.#underWay.delete(id);
    this.#sure.set(id, to);
    this.acknowledged += 1;
  }

  /** What may be found of this id now. */
  allowed(id: string): readonly Held[] {
    return this.#underWay.has(id) ? [this.#sure.get(id), this.#underWay.get(id)] : [this.#sure.get(id)];
  }

  /** It was looked at: what was under way has come to this. */
  settles(id: string, found: Held): void {
    this.#underWay.delete(id);
    this.#sure.set(id, found);
  }
}
