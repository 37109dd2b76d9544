// Whether the host's lookup helper is at work: of PSI's own lookup commands each tries it first, and each request says who asks.

/** What the helper sends as `x-psi-command`; a command that asked by curl sends the number of its shape. */
const HELPER = 'psi-lookup';

/** Since this shape a command tries the helper. */
const FIRST_SHAPE = 3;

export class HelperUse {
  #last: 'helper' | 'curl' | undefined;

  /** `mark`: the header of a lookup. That of somebody else's command, or of an earlier one, changes nothing. */
  saw(mark: string | readonly string[] | undefined): void {
    if (mark === HELPER) this.#last = 'helper';
    else if (typeof mark === 'string' && Number(mark) >= FIRST_SHAPE) this.#last = 'curl';
  }

  /** Who asked last; undefined: nobody has that could tell. */
  get last(): 'helper' | 'curl' | undefined {
    return this.#last;
  }

  /** What lies at the helper's path has changed: that it was passed by tells nothing of what is there now. */
  forgetCurl(): void {
    if (this.#last === 'curl') this.#last = undefined;
  }
}
