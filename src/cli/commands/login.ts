// `psi infisical login`: one line for each identity.

import type { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import { PsiError } from '../../core/error.ts';
import { painted, type Line } from '../../core/text/line.ts';
import type { LoginReport, LoginResult } from '../../provider/try-logins.ts';
import { completedWithJson, type Cli } from '../command.ts';
import { ASKS_PROVIDER } from '../help.ts';

export type LoginNeeds = { readonly infisicalLogin: (config: Config) => Promise<LoginReport> };

export function addLogin(infisical: Command, cli: Cli<LoginNeeds>): void {
  completedWithJson(
    infisical
      .command('login')
      .description('log in once with each identity of the config, say who and until when, and give the tokens back'),
    cli,
    {
      exits: ASKS_PROVIDER,
      example: 'podman exec psi psi infisical login',
      run: async () => {
        const config = await cli.config();
        const report = await (await cli.compose()).infisicalLogin(config);
        if (report.logins.length === 0) {
          throw new PsiError('CONFIG_INVALID', `${config.file} names no identity`, {
            hint: 'put `auth` under `providers.infisical`',
          });
        }
        return {
          exit: report.exit,
          result: report,
          print: () => {
            for (const login of report.logins) cli.terminal.out(line(login));
          },
        };
      },
    },
  );
}

function line(login: LoginResult): Line {
  const projects = login.projects.length === 0 ? 'used by no project' : `for ${login.projects.join(', ')}`;
  const what = `${login.provider}: ${login.who} (${login.method}), ${projects}`;
  if (login.ok) {
    const until = login.until === null ? 'its token names no end' : `a token would last until ${login.until}`;
    return [painted('green', 'OK'), ` ${what}: ${until}`];
  }
  const next = login.hint === null ? '' : `; next: ${login.hint}`;
  return [painted('red', 'failed'), ` ${what}: ${login.message}${next}`];
}
