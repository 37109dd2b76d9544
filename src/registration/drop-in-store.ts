// Port: the drop-in files PSI owns in the quadlet folder. A file of that name without PSI's mark is somebody else's: CONFLICT.

export type DropIn = { readonly unit: string; readonly text: string };

export type DropInStore = {
  /** All drop-ins that carry PSI's mark, whatever unit they are for. */
  readonly list: () => Promise<readonly DropIn[]>;
  /** Atomic; creates the unit's `.d` folder. */
  readonly write: (dropIn: DropIn) => Promise<void>;
  /** Removes the file, and its folder if that is empty then. */
  readonly remove: (unit: string) => Promise<void>;
};
