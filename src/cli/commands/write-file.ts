// `psi infisical write-file`: the value of one secret, as a file.

import { InvalidArgumentError, Option, type Command } from 'commander';
import { EXIT } from '../../core/exit.ts';
import { painted } from '../../core/text/line.ts';
import { completed, type Cli } from '../command.ts';
import { ASKS_PROVIDER, exits } from '../help.ts';
import {
  literalNote,
  showWait,
  withPlace,
  withTools,
  type InfisicalNeeds,
  type PlaceFlags,
} from '../infisical-tools.ts';

type WriteFileFlags = PlaceFlags & { readonly mode: number; readonly owner?: string; readonly base64: boolean };

export function addWriteFile(infisical: Command, cli: Cli<InfisicalNeeds>): void {
  const { terminal } = cli;
  const command = withPlace(
    infisical
      .command('write-file')
      .description('write the value of one secret into a file: the whole of it, or what was there before')
      .argument('<name>', 'name of the secret')
      .argument('<out>', 'file to write'),
  )
    .addOption(new Option('--mode <octal>', 'mode of the file').argParser(octal).default(0o600, '0600'))
    .option('--owner <user[:group]>', 'owner of the file; numbers, where the container does not know the name')
    .option('--base64', 'the value is base64: write what it stands for', false);
  completed(command, cli, {
    exits: { ...ASKS_PROVIDER, ...exits('CANNOT_CREATE', 'HOST') },
    example: 'podman exec psi psi infisical write-file TLS_KEY /run/psi/tls.key --project myproject --path /tls',
    run: (name: string, out: string, flags: WriteFileFlags) =>
      withTools(cli, flags, async (tools) => {
        const { path, mode, owner, base64 } = flags;
        const written = await tools.writeFile({ name, path, out, mode, owner, base64 }, (wait) => {
          showWait(terminal, wait);
        });
        return {
          exit: EXIT.DONE,
          print: () => {
            terminal.out([painted('green', 'wrote'), ` ${written.path} (${String(written.bytes)} bytes)`]);
            if (written.literal) terminal.note(literalNote(name, tools.words));
          },
        };
      }),
  });
}

function octal(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text)) throw new InvalidArgumentError('octal, such as 0600');
  return Number.parseInt(text, 8);
}
