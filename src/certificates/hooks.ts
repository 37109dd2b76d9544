// The hooks of certificates, one after the other: two certificates often have one hook, and reloads of one server are not to run into each
// other.

import type { WantedCertificate } from './certificate.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import { Mutex } from '../core/mutex.ts';
import type { HostCommands } from './host-commands.ts';
import type { HookReport } from './report.ts';

type Argv = readonly string[];

export class HookRuns {
  readonly #commands: HostCommands;
  readonly #starting: (name: string, argv: Argv) => void;
  readonly #oneByOne = new Mutex();

  constructor(commands: HostCommands, starting: (name: string, argv: Argv) => void) {
    this.#commands = commands;
    this.#starting = starting;
  }

  /** Runs those that are owed, as far as the config still has them. Never rejects. */
  async run(wanted: WantedCertificate, owed: readonly Argv[]): Promise<readonly HookReport[]> {
    const due = new Set(owed.map((argv) => JSON.stringify(argv)));
    return this.#oneByOne.run(async () => {
      const reports: HookReport[] = [];
      for (const argv of wanted.hooks) {
        if (due.has(JSON.stringify(argv))) reports.push(await this.#one(wanted.name, argv));
      }
      return reports;
    });
  }

  async #one(name: string, argv: Argv): Promise<HookReport> {
    this.#starting(name, argv);
    try {
      const { exit, ended, output } = await this.#commands.run(argv, `PSI: hook of the certificate ${name}`);
      return { argv, ok: exit === 0, exit: exit ?? null, ended: ended ?? null, output };
    } catch (thrown) {
      return { argv, ok: false, exit: null, ended: toPsiError(thrown).message, output: [] };
    }
  }
}

export function hookProblem(hooks: readonly HookReport[]): PsiError | undefined {
  const failed = hooks.find(({ ok }) => !ok);
  if (!failed) return undefined;
  const how = failed.ended ?? `exit status ${String(failed.exit)}`;
  return new PsiError('HOST', `the hook \`${failed.argv.join(' ')}\` failed: ${how}`, {
    hint: 'it runs again at the next run; try it on the host',
  });
}
