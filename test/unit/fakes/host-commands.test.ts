// The fake keeps the contract of systemd's commands, else tests on it prove nothing.

import { PsiError } from '../../../src/core/error.ts';
import { hostCommandsContract } from '../../contract/host-commands.contract.ts';
import { FakeHostCommands } from '../../fakes/host-commands.fake.ts';

hostCommandsContract('the fake', () => {
  const commands = new FakeHostCommands();
  return Promise.resolve({
    commands,
    ending: (result) => {
      const name = `command-${String(commands.results.size)}`;
      commands.results.set(name, result);
      return [name];
    },
    breakDown: () => {
      commands.failure = new PsiError('HOST', 'no systemd', { hint: 'look at the bus' });
      return Promise.resolve();
    },
    dispose: () => Promise.resolve(),
  });
});
