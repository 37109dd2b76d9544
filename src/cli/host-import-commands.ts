// `psi infisical import podman-secret` and `… quadlet` on the command line: flags and help.

import { InvalidArgumentError, Option, type Command } from 'commander';
import { PsiError } from '../core/error.ts';
import { importPodmanCommand, importQuadletCommand } from './commands/host-import.ts';
import { example } from './help.ts';
import { withImport, type ImportFlags } from './import-commands.ts';
import type { InfisicalCommandDeps } from './read-commands.ts';

type PodmanFlags = ImportFlags & {
  readonly all: boolean;
  readonly name?: readonly string[];
  readonly key: ReadonlyMap<string, string>;
};
type QuadletFlags = ImportFlags & { readonly resolveSecrets: boolean; readonly rewrite: boolean };

/** `group`: `psi infisical import`. */
export function addHostImportCommands(group: Command, { terminal, config, compose, done }: InfisicalCommandDeps): void {
  withImport(
    group
      .command('podman-secret')
      .description("podman's own secrets; those that psi registered are left out")
      .addOption(new Option('--all', 'all of them').conflicts('name').default(false))
      .option('--name <name>', 'this one (may be repeated)', collected)
      .addOption(
        new Option('--key <name=key>', 'import the secret NAME as KEY (may be repeated)')
          .argParser(renamed)
          .default(new Map(), 'as it is named'),
      ),
  )
    .addHelpText(
      'after',
      example(
        'podman exec psi psi infisical import podman-secret --name db-password --key db-password=DB_PASSWORD --project myproject --path /myapp',
      ),
    )
    .action(async ({ project, environment, all, name, key, ...flags }: PodmanFlags) => {
      if (!all && name === undefined) {
        throw new PsiError('USAGE', 'neither --all nor --name says which secrets', {
          hint: 'psi infisical import podman-secret --name NAME --project P --path /myapp, or --all',
        });
      }
      const [composition, loaded] = [await compose(), await config()];
      const tools = await composition.infisicalTools(loaded, { project, environment });
      const read = (): ReturnType<typeof composition.readPodmanSecrets> =>
        composition.readPodmanSecrets(loaded, { names: all ? undefined : name, keys: key });
      done(await importPodmanCommand(tools, terminal, read, flags));
    });
  withImport(
    group
      .command('quadlet')
      .description('the variables that a container gets from its quadlet and its drop-ins')
      .argument('<file>', 'a .container file; a name alone is one of the quadlet folder'),
  )
    .option('--resolve-secrets', 'also the variables that come from podman secrets (Secret=NAME,type=env)', false)
    .option('--rewrite', 'take out of the quadlet what infisical now holds with the same value; keeps a backup', false)
    .addHelpText(
      'after',
      example(
        'podman exec psi psi infisical import quadlet myapp.container --resolve-secrets --project myproject --path /myapp',
      ),
    )
    .action(async (file: string, flags: QuadletFlags) => {
      const { project, environment } = flags;
      const [composition, loaded] = [await compose(), await config()];
      const tools = await composition.infisicalTools(loaded, { project, environment });
      const request = { environment, ...flags, file };
      done(
        await importQuadletCommand(tools, terminal, request, (emit) =>
          composition.importQuadlet(loaded, tools, request, emit),
        ),
      );
    });
}

function collected(name: string, before: readonly string[] = []): readonly string[] {
  return [...before, name];
}

function renamed(text: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const [, name, key] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || key === undefined) throw new InvalidArgumentError('it has the form NAME=KEY.');
  return new Map([...before, [name, key]]);
}
