// `psi sealed reseal` and `psi sealed recover`: for whom the values are sealed. An identity is read and used in the command's own process;
// the service is told the keys of single files.

import type { Command } from 'commander';
import { PsiError } from '../../core/error.ts';
import type { ControlClient } from '../../faces/control/client.ts';
import type { ResealedReport, SealedRecoveryKeys } from '../../sealed/reports.ts';
import { completedWithJson, type Cli, type Ending } from '../command.ts';
import { ASKS_SERVICE } from '../help.ts';
import type { Terminal } from '../terminal.ts';
import { refuseKeyInArguments, type RecoverNeeds } from './cache-reseal.ts';

export function addSealedReseal(sealed: Command, cli: Cli): void {
  const command = sealed
    .command('reseal')
    .description('seal each of them anew for the recipients that the config names');
  completedWithJson(command, cli, {
    exits: ASKS_SERVICE,
    example: 'podman exec psi psi sealed reseal',
    run: async () => ending(cli.terminal, await (await cli.client()).post('/sealed/reseal', {})),
  });
}

export function addSealedRecover(sealed: Command, cli: Cli<RecoverNeeds>): void {
  const command = sealed
    .command('recover')
    .description('open them with a recovery key, and seal them for the TPM or HSM that is there now')
    .requiredOption('--identity <file>', 'what age-keygen wrote; - reads it from stdin');
  completedWithJson(command, cli, {
    exits: ASKS_SERVICE,
    example: 'podman exec -i psi psi sealed recover --identity - < recovery.key',
    run: async ({ identity }: { readonly identity: string }) => {
      refuseKeyInArguments(identity, 'sealed recover');
      const client = await cli.client();
      return ending(cli.terminal, await recover(client, await cli.compose(), identity));
    },
  });
}

async function recover(client: ControlClient, needs: RecoverNeeds, identity: string): Promise<string> {
  const files = JSON.parse(await client.get('/sealed/recovery')) as SealedRecoveryKeys;
  const wrapped = files.map(({ keys }) => keys.map((key) => Uint8Array.from(Buffer.from(key.wrappedKey, 'base64'))));
  const opened = await needs.unwrapEachWithIdentity(identity, wrapped);
  const keys = files.flatMap(({ name, fileId }, index) => {
    const dataKey = opened[index];
    if (dataKey === undefined) return [];
    const text = Buffer.from(dataKey.expose()).toString('base64');
    dataKey.expose().fill(0);
    return [{ name, fileId, dataKey: text }];
  });
  if (keys.length === 0) throw otherIdentity(files);
  return client.post('/sealed/recover', { keys });
}

function otherIdentity(files: SealedRecoveryKeys): PsiError {
  const recipients = new Set(files.flatMap(({ keys }) => keys.map(({ recipient }) => recipient)));
  return new PsiError('BAD_REQUEST', `the identity opens nothing: they were sealed for ${[...recipients].join(', ')}`, {
    hint: '`age-keygen -y KEY_FILE` shows which one a file is for',
  });
}

function ending(terminal: Terminal, answer: string): Ending {
  const report = JSON.parse(answer) as ResealedReport;
  return {
    exit: report.exit,
    result: report,
    print: () => {
      terminal.out(`sealed anew: ${String(report.sealed)}`);
      for (const failure of report.failures) terminal.fail(failure, { subject: failure.name });
    },
  };
}
