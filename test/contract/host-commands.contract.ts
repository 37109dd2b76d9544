// What everything does that runs commands on the host. However a command ends, that is an answer; only what could not be run is a failure.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';

import type { HostCommandResult, HostCommands } from '../../src/certificates/host-commands.ts';

export type HostCommandsUnderTest = {
  readonly commands: HostCommands;
  /** The words of a command that ends so, after it has written these lines. */
  readonly ending: (result: HostCommandResult) => readonly string[];
  /** From here on nothing can be started any more. */
  readonly breakDown: () => Promise<void>;
  readonly dispose: () => Promise<void>;
};

const DONE: HostCommandResult = { exit: 0, ended: undefined, output: [] };

export function hostCommandsContract(name: string, make: () => Promise<HostCommandsUnderTest>): void {
  describe(`${name} as what runs commands on the host`, async () => {
    const { commands, ending, breakDown, dispose } = await make();
    after(dispose);

    const results: readonly (readonly [string, HostCommandResult])[] = [
      ['has done its work', DONE],
      ['has written lines', { ...DONE, output: ['first', 'last'] }],
      ['failed', { exit: 3, ended: undefined, output: ['no such site'] }],
      ['was killed', { exit: undefined, ended: 'signal 9', output: ['half'] }],
    ];
    for (const [what, result] of results) {
      it(`tells how a command ended that ${what}`, async () => {
        assert.deepEqual(await commands.run(ending(result), 'a test'), result);
      });
    }

    // Last: nothing runs afterwards.
    it('fails with what to look at when nothing can be started', async () => {
      await breakDown();
      await assert.rejects(commands.run(ending(DONE), 'a test'), { code: 'HOST', hint: /./ });
    });
  });
}
