// `psi cache reseal` and `psi cache recover`: whom the cache is sealed for. An identity is read and used in the command's own process; the
// service is told the key of the one file.

import type { Command } from 'commander';
import type { RecoveryKeys, ResealReport } from '../../cache/reseal.ts';
import { PsiError } from '../../core/error.ts';
import type { SecretValue } from '../../core/secret-value.ts';
import type { ControlClient } from '../../faces/control/client.ts';
import { isPrivateKey } from '../../sealing/recovery-key.ts';
import { completedWithJson, type Cli, type Ending } from '../command.ts';
import { ASKS_SERVICE } from '../help.ts';
import type { Terminal } from '../terminal.ts';
import { printRecipients } from './cache-report.ts';

export type RecoverNeeds = {
  /** The data key, by the identities of that file (`-`: stdin); undefined: none of them is for any of the keys. */
  readonly unwrapWithIdentity: (file: string, wrappedKeys: readonly Uint8Array[]) => Promise<SecretValue | undefined>;
  /** The same for the keys of several files, with one reading of that file. */
  readonly unwrapEachWithIdentity: (
    file: string,
    wrappedKeys: readonly (readonly Uint8Array[])[],
  ) => Promise<readonly (SecretValue | undefined)[]>;
};

const EXITS = {
  ...ASKS_SERVICE,
  UNAVAILABLE: 'the service is not running; the file has no key for a recipient of the config, or one does not open it',
};

export function addReseal(cache: Command, cli: Cli): void {
  const command = cache
    .command('reseal')
    .description('write the file anew for the recipients that the config names, and try who opens it');
  completedWithJson(command, cli, {
    exits: EXITS,
    example: 'podman exec psi psi cache reseal',
    run: async () => ending(cli.terminal, await (await cli.client()).post('/cache/reseal', {})),
  });
}

export function addRecover(cache: Command, cli: Cli<RecoverNeeds>): void {
  const command = cache
    .command('recover')
    .description('open the file with a recovery key, and seal it for the TPM or HSM that is there now')
    .requiredOption('--identity <file>', 'what age-keygen wrote; - reads it from stdin');
  completedWithJson(command, cli, {
    exits: { ...EXITS, CANNOT_CREATE: 'the file was saved anew meanwhile: run it again' },
    example: 'podman exec -i psi psi cache recover --identity - < recovery.key',
    run: async ({ identity }: { readonly identity: string }) => {
      refuseKeyInArguments(identity, 'cache recover');
      const client = await cli.clientWhateverConfig('blame the config');
      return ending(cli.terminal, await recover(client, await cli.compose(), identity));
    },
  });
}

/** It is in the list of processes and in the shell's history by now; at least it gets no further. */
export function refuseKeyInArguments(identity: string, command: string): void {
  if (!isPrivateKey(identity)) return;
  throw new PsiError('USAGE', '--identity names a file, and what was given is a private key itself', {
    hint:
      'whoever lists the processes of this host may have seen it: make another one; ' +
      `then \`podman exec -i psi psi ${command} --identity - < KEY_FILE\``,
  });
}

async function recover(client: ControlClient, needs: RecoverNeeds, identity: string): Promise<string> {
  const { fileId, keys } = JSON.parse(await client.get('/cache/recovery')) as RecoveryKeys;
  const wrapped = keys.map(({ wrappedKey }) => Uint8Array.from(Buffer.from(wrappedKey, 'base64')));
  const dataKey = await needs.unwrapWithIdentity(identity, wrapped);
  if (dataKey === undefined) throw otherIdentity(keys.map(({ recipient }) => recipient));
  const text = Buffer.from(dataKey.expose()).toString('base64');
  dataKey.expose().fill(0);
  return client.post('/cache/recover', { fileId, dataKey: text });
}

function otherIdentity(recipients: readonly string[]): PsiError {
  return new PsiError('BAD_REQUEST', `the identity opens nothing: the cache was sealed for ${recipients.join(', ')}`, {
    hint: '`age-keygen -y KEY_FILE` shows which one a file is for',
  });
}

function ending(terminal: Terminal, answer: string): Ending {
  const report = JSON.parse(answer) as ResealReport;
  return {
    exit: report.exit,
    result: report,
    print: () => {
      printReport(terminal, report);
    },
  };
}

function printReport(terminal: Terminal, { entries, recovered, failure, problem, recipients }: ResealReport): void {
  if (recovered !== null) terminal.out(`recovered: ${String(recovered)} entries; lookups are answered with them`);
  if (failure) {
    terminal.tell('cache: not sealed anew; the file is as it was, and opens with the recovery key again', null);
    terminal.fail(failure);
    return;
  }
  terminal.out(`cache: ${String(entries)} entries sealed anew`);
  printRecipients(terminal, recipients);
  if (problem) terminal.fail(problem);
}
