// `psi infisical login`: one line for each identity.

import type { Config } from '../../config/config.ts';
import { exitCode } from '../../core/exit.ts';
import type { LoginResult } from '../../provider/try-logins.ts';
import type { Composition } from '../composition.ts';
import type { Terminal } from '../terminal.ts';

export async function loginCommand(
  config: Config,
  composition: Pick<Composition, 'infisicalLogin'>,
  terminal: Terminal,
  options: { readonly json: boolean },
): Promise<number> {
  const report = await composition.infisicalLogin(config);
  if (options.json) {
    terminal.out(JSON.stringify(report));
    return report.exit;
  }
  if (report.logins.length === 0) {
    terminal.error(`error: ${config.file} names no identity`);
    terminal.error('hint: put `auth` under `providers.infisical`');
    return exitCode('CONFIG_INVALID');
  }
  for (const login of report.logins) terminal.out(line(terminal, login));
  return report.exit;
}

function line(terminal: Terminal, login: LoginResult): string {
  const projects = login.projects.length === 0 ? 'used by no project' : `for ${login.projects.join(', ')}`;
  const what = `${login.provider}: ${login.who} (${login.method}), ${projects}`;
  if (login.ok) {
    const until = login.until === null ? 'its token names no end' : `a token would last until ${login.until}`;
    return `${terminal.paint('green', 'OK')} ${what}: ${until}`;
  }
  const next = login.hint === null ? '' : `; next: ${login.hint}`;
  return `${terminal.paint('red', 'failed')} ${what}: ${login.message}${next}`;
}
