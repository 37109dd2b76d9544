// The lookup helper on the host, as the running service sees it. At its start one that differs from the one PSI brings along is replaced: an image
// is updated under it again and again. Lookups are answered whatever becomes of that.

import { toPsiError } from '../core/error.ts';
import type { Scope } from '../core/scope.ts';
import { movedAway } from '../core/text/shell.ts';
import type { HelperFiles } from '../host/helper/helper-files.ts';
import { helperVersion, judgeHelper, type HelperState } from '../host/helper/judge.ts';
import type { HelperUse } from '../lookup/helper-use.ts';
import type { HelperStatus, ServiceProblem } from '../lookup/status.ts';
import type { Log } from './log.ts';

export type PlacedHelperDeps = {
  readonly files: HelperFiles;
  /** On the host, as the config has it now. */
  readonly path: () => string;
  /** Where the service finds that. */
  readonly at: () => string;
  readonly scope: Scope;
  readonly use: Pick<HelperUse, 'last' | 'forgetCurl'>;
  readonly log: Pick<Log, 'info'>;
};

const SLOW = 'lookups go by curl, which takes longer';
const LEAVE = '`psi install --no-helper` leaves it at curl';

export class PlacedHelper {
  readonly #deps: PlacedHelperDeps;
  #own: Promise<Uint8Array | undefined> | undefined;
  #looking: Promise<readonly ServiceProblem[]> | undefined;
  #renewed = false;
  /** Why it could not be replaced. */
  #refused: { readonly message: string; readonly hint: string } | undefined;
  #state: HelperState | undefined;

  constructor(deps: PlacedHelperDeps) {
    this.#deps = deps;
  }

  /** What is wrong with it; the first look is that of the start. One at a time: two would both replace it. Failure: HOST. */
  look(): Promise<readonly ServiceProblem[]> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<readonly ServiceProblem[]> {
    const { files, path, at, use } = this.#deps;
    const own = await (this.#own ??= files.own());
    if (own === undefined) return [];
    let state = judgeHelper(await files.look(at()), own);
    if (!this.#renewed && state.is === 'bad') state = await this.#replace(own, state);
    this.#renewed = true;
    if (this.#state?.is !== state.is) use.forgetCurl();
    this.#state = state;
    return this.#problem(path(), state);
  }

  async status(): Promise<HelperStatus | null> {
    const own = await this.#own;
    if (own === undefined || this.#state === undefined) return null;
    const good = this.#state.is === 'good';
    return {
      path: this.#deps.path(),
      version: good ? (helperVersion(own) ?? null) : null,
      lastLookupBy: this.#deps.use.last ?? null,
    };
  }

  async #replace(own: Uint8Array, state: HelperState & { readonly is: 'bad' }): Promise<HelperState> {
    const { files, log, path, at } = this.#deps;
    try {
      await files.write(at(), own);
      log.info(`the lookup helper ${path()} ${state.why}: replaced by the one of this psi`);
      return judgeHelper(await files.look(at()), own);
    } catch (thrown) {
      const { message, hint = '' } = toPsiError(thrown);
      this.#refused = { message: message.replaceAll(at(), path()), hint };
      return state;
    }
  }

  #problem(path: string, state: HelperState): readonly ServiceProblem[] {
    const user = this.#deps.scope === 'user' ? ' --user' : '';
    const said = (why: string, hint: string): readonly ServiceProblem[] => [
      { severity: 'warning', subject: null, message: `the lookup helper ${path} ${why}: ${SLOW}`, hint },
    ];
    switch (state.is) {
      case 'good':
        return this.#deps.use.last === 'curl'
          ? said('is as it should be, and the last lookup did not come by it', notUsed(path))
          : [];
      case 'missing':
        // Install makes its folder, and takes it away with --no-helper: it is empty where somebody else took the file.
        return state.folder === 'empty' ? said('is gone', `run \`psi install\`, which puts it there; ${LEAVE}`) : [];
      case 'bad': {
        const why = this.#refused ? `${state.why}, and is not replaced: ${this.#refused.message}` : state.why;
        const restart = `run \`systemctl${user} restart psi.service\`, which replaces it`;
        return said(why, `${this.#refused?.hint ?? restart}; or run \`psi install\``);
      }
      case 'barred':
        return said(
          state.why,
          `set \`lookup.helper_dir\` to a folder where programs may run, then run \`psi install\` and \`psi setup\`; ${LEAVE}`,
        );
      case 'foreign':
        return said(state.why, `look at it, then run \`${movedAway([path], '.away')}\` and \`psi install\``);
    }
  }
}

/** A file system that executes nothing, or SELinux: a container is told of neither. */
function notUsed(path: string): string {
  return `run \`${path} --version\` on the host, which shows why (a \`noexec\` mount, \`ls -Z\`: \`restorecon -RFv\` its folder); ${LEAVE}`;
}
