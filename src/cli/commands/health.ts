// `psi health`: whether lookups are answered, for units and images. What is wrong beside that is `psi status`'s business.

import type { Command } from 'commander';
import { completed, type Cli } from '../command.ts';
import { checkHealth } from '../health.ts';

export function addHealth(program: Command, cli: Cli): void {
  const command = program
    .command('health')
    .description('whether lookups are answered: the check of units and images, also in an outage or with a bad config');
  completed(command, cli, {
    exits: { DONE: 'lookups are answered', UNAVAILABLE: 'nobody answers on the socket within 5 s' },
    example: 'podman exec psi psi health',
    run: async () => {
      const exit = await checkHealth(await cli.driverSocket(), cli.terminal);
      return { exit, print: () => undefined };
    },
  });
}
