// Port: the config that was good last. With it PSI starts and serves while the config file cannot be read or is refused.

export type LastGoodStore = {
  /** Where it lies, for messages. */
  readonly path: string;
  /** Its bytes, as the config file had them; undefined: none is kept. Fails with HOST. */
  readonly read: () => Promise<Uint8Array | undefined>;
  /** Takes the place of what was kept: no secret that left the config lives on in it. Fails with HOST, also for one that is too large. */
  readonly keep: (content: Uint8Array) => Promise<void>;
};
