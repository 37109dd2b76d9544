// What a migration does to a host, one after another. Each step done twice is done once: ended anywhere and run again, it goes on.

export type Action =
  /** `hidden`: a secret stands in it. */
  | {
      readonly do: 'write';
      readonly path: string;
      readonly text: string;
      readonly mode: number;
      readonly hidden?: true;
    }
  | { readonly do: 'move'; readonly path: string; readonly to: string }
  | { readonly do: 'remove'; readonly path: string }
  | { readonly do: 'link'; readonly path: string; readonly target: string }
  | { readonly do: 'start' | 'stop' | 'restart'; readonly unit: string }
  /** One that was stopped with another. That it does not start is said, and keeps nothing. */
  | { readonly do: 'revive'; readonly unit: string }
  | { readonly do: 'reload' }
  /** Folders, units, lookup helper and host's command of this psi, as `psi install` and `psi systemd install --enable` make them. */
  | { readonly do: 'install'; readonly pcscd: boolean }
  /** All of it: that of the unit ends as soon as workloads can start. */
  | { readonly do: 'setup' }
  /** The driver's path leads to this psi, by a restart of its socket where it does not. */
  | { readonly do: 'socket'; readonly unit: string };

export type Step = { readonly action: Action; readonly why: string };

/** A step as it may be shown. */
export type StepWords = { readonly what: Action['do']; readonly target: string; readonly why: string };

/** Of each step, when it begins and when it is done. */
export type Tell = (step: StepWords, at: 'begin' | 'done') => void;

export function stepWords({ action, why }: Step): StepWords {
  return { what: action.do, target: targetOf(action), why };
}

function targetOf(action: Action): string {
  switch (action.do) {
    case 'move':
      return `${action.path} to ${action.to}`;
    case 'write':
    case 'remove':
      return action.path;
    case 'link':
      return `${action.path} to ${action.target}`;
    case 'reload':
      return 'systemd';
    case 'setup':
      return 'the secrets of all workloads';
    case 'install':
      return action.pcscd ? 'psi and its smart card daemon' : 'psi';
    default:
      return action.unit;
  }
}
