// Whoever asks for the same while it is under way shares the one call and its outcome. Nothing is kept: the next call after the end is a
// new one. The call bounds its own time and knows nothing of the signals of those who share it, or one of them could end it for all.

export class SingleFlight<K, T> {
  readonly #flights = new Map<K, Promise<T>>();

  /** Keys are compared as those of a Map: a text, not an object made anew. */
  run(key: K, call: () => Promise<T>): Promise<T> {
    const running = this.#flights.get(key);
    if (running) return running;
    const flight = call().finally(() => {
      this.#flights.delete(key);
    });
    this.#flights.set(key, flight);
    return flight;
  }
}
