// What a long command is at: on a terminal one line that is written anew, with the time that goes on in it; elsewhere a line now and then,
// so that a journal and whoever waits see that it moves.

import type { Terminal } from './terminal.ts';

export type ProgressDeps = {
  readonly terminal: Terminal;
  /** Nothing is shown: whoever reads `--json` wants nothing else. */
  readonly quiet: boolean;
  /** ms, of a clock that nobody sets. */
  readonly now: () => number;
  /** Calls again and again until what it answers is called. */
  readonly every: (ms: number, work: () => void) => () => void;
};

/** Between two lines where they stay. A command that is quicker has none. */
export const LINE_MS = 5_000;
const TICK_MS = 1_000;

export class Progress {
  readonly #deps: ProgressDeps;
  readonly #began: number;
  readonly #cancel: () => void;
  #text = '';
  #toldAt: number;
  #told = '';

  constructor(deps: ProgressDeps) {
    this.#deps = deps;
    this.#began = deps.now();
    this.#toldAt = this.#began;
    this.#cancel = deps.every(TICK_MS, () => {
      this.#draw();
    });
  }

  /** What was shown last; empty: nothing yet. */
  get text(): string {
    return this.#text;
  }

  show(text: string): void {
    this.#text = text;
    this.#draw();
  }

  end(): void {
    this.#cancel();
    this.#deps.terminal.progress('');
  }

  #draw(): void {
    const { terminal, now, quiet } = this.#deps;
    if (quiet || this.#text === '') return;
    const line = `[${elapsed(now() - this.#began)}] ${this.#text}`;
    if (terminal.rewrites) terminal.progress(line);
    else if (now() - this.#toldAt >= LINE_MS && this.#text !== this.#told) {
      this.#toldAt = now();
      this.#told = this.#text;
      terminal.error(line);
    }
  }
}

export function processProgress(terminal: Terminal, quiet: boolean): Progress {
  return new Progress({
    terminal,
    quiet,
    now: () => performance.now(),
    every: (ms, work) => {
      const timer = setInterval(work, ms).unref();
      return () => {
        clearInterval(timer);
      };
    },
  });
}

function elapsed(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  return seconds < 60 ? `${String(seconds)} s` : `${String(Math.floor(seconds / 60))} min ${String(seconds % 60)} s`;
}
