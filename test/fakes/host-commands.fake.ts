// A host that runs nothing: it counts, and ends each command as a test wants.

import type { PsiError } from '../../src/core/error.ts';
import type { HostCommandResult, HostCommands } from '../../src/certificates/host-commands.ts';

export class FakeHostCommands implements HostCommands {
  readonly ran: string[] = [];
  /** By the first word of the command; anything else exits 0. */
  readonly results = new Map<string, HostCommandResult | PsiError>();
  /** Set, it fails every command: none can be started. */
  failure: PsiError | undefined;

  run(argv: readonly string[]): Promise<HostCommandResult> {
    this.ran.push(argv.join(' '));
    if (this.failure) return Promise.reject(this.failure);
    const result = this.results.get(argv[0] ?? '');
    if (result instanceof Error) return Promise.reject(result);
    return Promise.resolve(result ?? { exit: 0, ended: undefined, output: [] });
  }
}
