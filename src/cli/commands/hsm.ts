// `psi hsm …`: what the running service sees of the token, and a login by hand.

import type { KeyReport } from '../../sealing/key-report.ts';
import { hasProblem, printKeyReport } from '../cache-report.ts';
import type { ControlClient } from '../../faces/control/client.ts';
import type { Terminal } from '../terminal.ts';

export type HsmAction = 'preflight' | 'init' | 'status';

export async function hsmCommand(
  client: ControlClient,
  terminal: Terminal,
  action: HsmAction,
  options: { readonly json: boolean; readonly login?: boolean },
): Promise<number> {
  const text =
    action === 'status'
      ? await client.get('/hsm')
      : await client.post(`/hsm/${action}`, { login: options.login === true });
  const report = JSON.parse(text) as KeyReport;
  if (options.json) terminal.out(text);
  else {
    printKeyReport(terminal, report);
    if (!hasProblem(report)) terminal.out(terminal.paint('green', action === 'init' ? 'logged in' : 'in order'));
  }
  return hasProblem(report) ? 1 : 0;
}
