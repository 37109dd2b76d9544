// `psi hsm …`: what the HSM that holds the key says, one line for each check.

import type { Command } from 'commander';
import { EXIT } from '../../core/exit.ts';
import { painted } from '../../core/text/line.ts';
import type { ControlClient } from '../../faces/control/client.ts';
import type { KeyReport } from '../../sealing/key-report.ts';
import { completedWithJson, type Cli } from '../command.ts';
import { ASKS_SERVICE } from '../help.ts';
import { hasProblem, printKeyReport } from './cache-report.ts';

type HsmAction = 'preflight' | 'init' | 'status';

export function addHsm(program: Command, cli: Cli): void {
  const hsm = program.command('hsm').description('the HSM that holds the key of the cache');
  const preflight = hsm
    .command('preflight')
    .description('check module, token, PIN, mechanism and key, in the order in which they fail')
    .option('--login', 'send the PIN too, once, and have the token unwrap a test block', false);
  const init = hsm
    .command('init')
    .description(
      'log in, get to know the key and unwrap a test block with it: for the first use, and after a wrong PIN was put right',
    );
  const status = hsm.command('status').description('what the token says of itself; sends no PIN');
  answersKeyReport(preflight, cli, 'preflight');
  answersKeyReport(init, cli, 'init');
  answersKeyReport(status, cli, 'status');
}

function answersKeyReport(command: Command, cli: Cli, action: HsmAction): void {
  const { terminal } = cli;
  completedWithJson(command, cli, {
    exits: { ...ASKS_SERVICE, FAILED: 'a check failed' },
    example: `podman exec psi psi hsm ${action}`,
    run: async (flags: { readonly login?: boolean }) => {
      const report = JSON.parse(await ask(await cli.client(), action, flags.login === true)) as KeyReport;
      const wrong = hasProblem(report);
      return {
        exit: wrong ? EXIT.FAILED : EXIT.DONE,
        result: report,
        print: () => {
          printKeyReport(terminal, report);
          if (!wrong) terminal.out([painted('green', action === 'init' ? 'logged in' : 'in order')]);
        },
      };
    },
  });
}

function ask(client: ControlClient, action: HsmAction, login: boolean): Promise<string> {
  return action === 'status' ? client.get('/hsm') : client.post(`/hsm/${action}`, { login });
}
