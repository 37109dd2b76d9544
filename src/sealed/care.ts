// Whether each sealed value has all the recipients that the config names: one that lacks its recovery key is lost with the board, and
// nobody would hear of it before.

import { toPsiError } from '../core/error.ts';
import type { ServiceProblem } from '../lookup/status.ts';
import type { SealedSettings } from './control.ts';

type Found = { readonly of: string; readonly problems: readonly ServiceProblem[] };

const SHOWN = 5;

export class SealedCare {
  readonly #sealed: () => SealedSettings | undefined;
  #last: Found = { of: '', problems: [] };

  constructor(sealed: () => SealedSettings | undefined) {
    this.#sealed = sealed;
  }

  /** Reads the files only where one of them, or the config, is another than before. */
  async look(): Promise<readonly ServiceProblem[]> {
    const sealed = this.#sealed();
    if (sealed === undefined) return [];
    const files = await sealed.files.list();
    const recipients = [...sealed.own.map(({ backend }) => backend), ...sealed.recovery];
    const of = JSON.stringify([recipients, files]);
    if (of !== this.#last.of) this.#last = { of, problems: await problemsOf(sealed, files) };
    return this.#last.problems;
  }
}

async function problemsOf(
  { files }: SealedSettings,
  there: readonly { readonly name: string }[],
): Promise<readonly ServiceProblem[]> {
  const poor: string[] = [];
  const problems: ServiceProblem[] = [];
  for (const { name } of there) {
    try {
      if ((await files.lacking(name)).length > 0) poor.push(name);
    } catch (thrown) {
      const { message, hint } = toPsiError(thrown);
      problems.push({ severity: 'error', subject: name, message, hint: hint ?? null });
    }
  }
  return poor.length === 0 ? problems : [...problems, lackProblem(poor)];
}

function lackProblem(names: readonly string[]): ServiceProblem {
  const more = names.length > SHOWN ? ` and ${String(names.length - SHOWN)} more` : '';
  return {
    severity: 'warning',
    subject: null,
    message: `sealed secrets that are not sealed for each recipient of the config: ${names.slice(0, SHOWN).join(', ')}${more}`,
    hint: '`podman exec psi psi sealed reseal`',
  };
}
