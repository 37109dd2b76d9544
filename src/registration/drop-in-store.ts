// Port: the drop-in files PSI owns in the quadlet folder. A file of that name without PSI's mark is somebody else's: CONFLICT.

import type { PsiError } from '../core/error.ts';

export type DropIn = { readonly unit: string; readonly text: string };

/** `misplaced`: it has a name that hides another one of PSI's; writing it puts that right. */
export type PresentDropIn = DropIn & { readonly misplaced?: true };

export type DropInStore = {
  /** All drop-ins that carry PSI's mark, whatever unit they are for. */
  readonly list: () => Promise<readonly PresentDropIn[]>;
  /** Atomic; creates the unit's `.d` folder. At no moment is a line that stays missing. */
  readonly write: (dropIn: DropIn) => Promise<void>;
  /** Removes the file, and its folder if that is empty then. */
  readonly remove: (unit: string) => Promise<void>;
  /** Where the drop-in of a unit is, or would be. */
  readonly pathOf: (unit: string) => string;
  /** Why PSI's drop-in of a unit cannot be written: what is in its place is somebody else's. undefined: it can. */
  readonly refused: (unit: string) => Promise<PsiError | undefined>;
  /**
   * Files that Podman reads in the place of PSI's drop-in: in a folder that it reads before, and of a template, those of others in the
   * folders of its instances.
   */
  readonly hiders: (unit: string) => Promise<readonly Hider[]>;
};

/** `remedy`: the command after which the drop-in is read. */
export type Hider = { readonly path: string; readonly remedy: string };
