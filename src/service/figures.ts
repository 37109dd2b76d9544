// The service's figures: what it counts, and what is read of it when somebody asks for its metrics.

/** What the metrics say of the cache. */
export type CacheFigures = {
  readonly entries: number;
  readonly expired: number;
  readonly oldestAgeSeconds: number | null;
  readonly problem: unknown;
};

export type OwnFigures = {
  readonly mappings: () => number;
  readonly problems: () => number;
  readonly warnings: () => number;
  readonly owed: () => boolean;
  /** ms since the epoch; undefined: none since the start. */
  readonly setupTimes: () => { readonly last: number | undefined; readonly lastGood: number | undefined };
  readonly providers: () => readonly {
    readonly name: string;
    readonly up: boolean;
    readonly places: readonly unknown[];
  }[];
  readonly certificates: () => readonly { readonly name: string; readonly notAfter: number | undefined }[];
};

/** Upper bounds of the histogram's buckets, seconds. */
const BUCKETS = [0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5];

/** What has been counted since the start. */
export type Counts = {
  /** By the values of their labels, in the order of the labels. */
  readonly lookups: Tally;
  readonly refused: Tally;
  readonly calls: Tally;
  readonly seconds: Buckets;
};

/** How often each combination of texts was counted. */
export class Tally {
  readonly #counts = new Map<string, { readonly values: readonly string[]; count: number }>();

  add(...values: readonly string[]): void {
    const key = values.join('\0');
    const known = this.#counts.get(key);
    if (known) known.count += 1;
    else this.#counts.set(key, { values, count: 1 });
  }

  all(): Iterable<{ readonly values: readonly string[]; readonly count: number }> {
    return this.#counts.values();
  }
}

export class Buckets {
  /** One more than there are bounds: what is above all of them. */
  readonly #counts = Array.from({ length: BUCKETS.length + 1 }, () => 0);
  #sum = 0;

  observe(seconds: number): void {
    const found = BUCKETS.findIndex((bound) => seconds <= bound);
    const at = found === -1 ? BUCKETS.length : found;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += seconds;
  }

  /** As Prometheus reads it: each bucket holds those below it too. */
  text(name: string, help: string): string {
    let count = 0;
    const lines = this.#counts.map((own, at) => {
      count += own;
      return `${name}_bucket{le="${String(BUCKETS[at] ?? '+Inf')}"} ${String(count)}`;
    });
    const all = [...lines, `${name}_sum ${String(this.#sum)}`, `${name}_count ${String(count)}`];
    return `# HELP ${name} ${help}\n# TYPE ${name} histogram\n${all.join('\n')}\n`;
  }
}
