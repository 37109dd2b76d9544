// Carries out what was planned, step by step. What failed ends it: the marker stays, and the next run goes on.

import { PsiError, toPsiError } from '../core/error.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import type { HostFiles } from '../host/host-files.ts';
import type { HostTree } from '../host/host-tree.ts';
import type { UnitManager } from '../registration/unit-manager.ts';
import type { Answering } from './look.ts';
import { NOTHING_SAID, type Said } from './install.ts';
import type { Remark } from './remarks.ts';
import { stepWords, type Action, type Step, type StepWords, type Tell } from './steps.ts';

export type ApplyDeps = {
  readonly tell: Tell;
  readonly files: Pick<HostFiles, 'link' | 'write'>;
  readonly tree: Pick<HostTree, 'remove'> & {
    /** One that is gone is no failure: it was moved before. What is in its new place goes. */
    readonly move: (path: string, to: string) => Promise<void>;
  };
  readonly units: Pick<UnitManager, 'reload'> & {
    /** Each resolves when it is done. Failure: HOST. */
    readonly start: (unit: string) => Promise<void>;
    readonly restart: (unit: string) => Promise<void>;
    /** One that systemd does not know is none that runs. */
    readonly stop: (unit: string) => Promise<void>;
  };
  readonly answering: () => Promise<Answering>;
  /** What was left, or failed, of a setup that came to its end. */
  readonly setup: () => Promise<readonly Remark[]>;
  /** What it has to say. */
  readonly install: (options: { readonly pcscd: boolean }) => Promise<Said>;
};

export type Applied = {
  readonly done: readonly StepWords[];
  readonly said: Said;
  readonly left: readonly Remark[];
  readonly failure: Failure | undefined;
};

export async function apply(deps: ApplyDeps, steps: readonly Step[], way: string): Promise<Applied> {
  const done: StepWords[] = [];
  let said = NOTHING_SAID;
  const left: Remark[] = [];
  for (const step of steps) {
    const words = stepWords(step);
    deps.tell(words, 'begin');
    try {
      // That of the last install: it knows more of the host than an earlier one.
      if (step.action.do === 'install') said = await deps.install(step.action);
      else if (step.action.do === 'setup') left.push(...(await deps.setup()));
      else if (step.action.do === 'revive') left.push(...(await revived(deps, step.action.unit)));
      else await carryOut(deps, step.action);
    } catch (thrown) {
      return { done, said, left, failure: failureOf(ended(step, toPsiError(thrown), way)) };
    }
    done.push(words);
    deps.tell(words, 'done');
  }
  return { done, said, left, failure: undefined };
}

async function carryOut(
  deps: ApplyDeps,
  action: Exclude<Action, { readonly do: 'install' | 'setup' | 'revive' }>,
): Promise<void> {
  const { files, tree, units } = deps;
  switch (action.do) {
    case 'write':
      return files.write(action.path, action.text, action.mode);
    case 'move':
      return tree.move(action.path, action.to);
    case 'remove':
      return tree.remove(action.path);
    case 'link':
      await files.link(action.path, action.target);
      return;
    case 'reload':
      return units.reload();
    case 'socket':
      if ((await deps.answering()) !== 'psi') await units.restart(action.unit);
      return;
    default:
      return units[action.do](action.unit);
  }
}

async function revived({ units }: ApplyDeps, unit: string): Promise<readonly Remark[]> {
  try {
    await units.start(unit);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof PsiError)) throw thrown;
    const { message, hint } = thrown;
    return [{ subject: unit, reason: `it was stopped with the old server, and does not start: ${message}`, hint }];
  }
}

/** Until the old server has ended there is a way back to it. */
function ended(step: Step, { code, message, hint }: PsiError, way: string): PsiError {
  const { what, target } = stepWords(step);
  const again = 'run `psi migrate --apply` again: it goes on there';
  const back = what === 'start' && target === 'psi.service' ? `; or go back: ${way}` : '';
  return new PsiError(code, `the migration ended at: ${what} ${target}: ${message}`, {
    hint: `${hint === undefined ? '' : `${hint}; then `}${again}${back}`,
  });
}
