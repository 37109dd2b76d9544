// `psi infisical import …`: the group, what all imports share, and `env-file`. What was done stands on stdout, what was not on stderr.

import { Option, type Command } from 'commander';
import { painted, type Style } from '../../core/text/line.ts';
import { ENV_FILE_READERS, type EnvFileReader } from '../../transfer/env-file/reading.ts';
import type { ImportSource } from '../../transfer/import/entry.ts';
import type { Conflict, ImportEvent, ImportReport, KeyOutcome, KeyResult } from '../../transfer/import/report.ts';
import { completedWithJson, type Ending, type Cli } from '../command.ts';
import { ASKS_PROVIDER, exits, type ExitStatuses } from '../help.ts';
import {
  showWait,
  withPlace,
  withTools,
  type InfisicalNeeds,
  type InfisicalTools,
  type PlaceFlags,
} from '../infisical-tools.ts';
import type { Terminal } from '../terminal.ts';

export type ImportFlags = PlaceFlags & { readonly conflict: Conflict; readonly dryRun: boolean };

/** `readEnvFile`: `-` is standard input; `reader`: who the file was written for. */
export type ImportNeeds = {
  readonly readEnvFile: (file: string, reader: EnvFileReader | undefined) => Promise<ImportSource>;
};

export const IMPORT_EXITS: ExitStatuses = {
  ...ASKS_PROVIDER,
  ...exits('CANNOT_CREATE', 'HOST'),
  FAILED: 'one or more were refused, failed or were not tried',
  TRY_LATER: 'the provider was slow, or a change waits for an approval',
};

/** Answers the group, for what else can be imported. */
export function addImports(infisical: Command, cli: Cli<InfisicalNeeds & ImportNeeds>): Command {
  const group = infisical.command('import').description('write what is elsewhere into a folder of infisical');
  const command = withImport(
    group
      .command('env-file')
      .description('the variables of an env file; what its readers take in different ways is refused with its line')
      .argument('<file>', 'the env file, or - for standard input')
      .addOption(
        new Option(
          '--reader <who>',
          'take what this one takes: podman run --env-file, EnvironmentFile= of systemd, or dotenv',
        ).choices(ENV_FILE_READERS),
      ),
  );
  completedWithJson(command, cli, {
    exits: IMPORT_EXITS,
    example: 'podman exec -i psi psi infisical import env-file - --project myproject --path /myapp < myapp.env',
    run: (file: string, flags: ImportFlags & { readonly reader?: EnvFileReader }) =>
      withTools(cli, flags, async (tools) => {
        const found = await (await cli.compose()).readEnvFile(file, flags.reader);
        return importFound(tools, cli.terminal, found, flags);
      }),
  });
  return group;
}

/** The flags that every import has. */
export function withImport(command: Command): Command {
  return withPlace(command)
    .addOption(
      new Option(
        '--conflict <what>',
        'what to do if a key is there: nothing at all, leave it, or give it the new value',
      )
        .choices(['fail', 'skip', 'overwrite'])
        .default('fail'),
    )
    .option('--dry-run', 'say what would be written, write nothing', false);
}

export async function importFound(
  tools: InfisicalTools,
  terminal: Terminal,
  found: ImportSource,
  { path, conflict, dryRun }: ImportFlags,
): Promise<Ending> {
  const report = await tools.importSecrets({ found, path, conflict, dryRun }, (event) => {
    showImportEvent(terminal, event);
  });
  return {
    exit: report.exit,
    result: report,
    print: () => {
      printImportReport(terminal, report);
    },
  };
}

export function showImportEvent(terminal: Terminal, event: ImportEvent): void {
  switch (event.event) {
    case 'listing':
      terminal.progress('listing what is there');
      break;
    case 'writing':
      terminal.progress(`writing ${String(event.done)}/${String(event.total)}`);
      break;
    case 'waiting':
      showWait(terminal, event);
      break;
    case 'verifying':
      terminal.progress('looking at what is there now');
      break;
  }
}

const WORDS: Readonly<Record<KeyOutcome, { readonly done: string; readonly plan: string; readonly style: Style }>> = {
  created: { done: 'created', plan: 'would create', style: 'green' },
  overwritten: { done: 'overwritten', plan: 'would overwrite', style: 'yellow' },
  skipped: { done: 'skipped', plan: 'would skip', style: 'dim' },
  approval: { done: 'approval requested', plan: 'approval requested', style: 'yellow' },
  refused: { done: 'refused', plan: 'refused', style: 'red' },
  failed: { done: 'failed', plan: 'would fail', style: 'red' },
  untried: { done: 'not written', plan: 'would not be written', style: 'red' },
};

const BAD: ReadonlySet<KeyOutcome> = new Set(['refused', 'failed', 'untried']);

export function printImportReport(terminal: Terminal, report: ImportReport): void {
  const { results, dryRun, failure } = report;
  for (const result of results.filter(({ outcome }) => !BAD.has(outcome))) {
    terminal.out([painted(WORDS[result.outcome].style, wordOf(result, dryRun)), ` ${subject(result)}`]);
  }
  const hints = new Set<string>();
  for (const result of results.filter(({ outcome }) => BAD.has(outcome))) {
    // One that holds for a whole batch is said once.
    const hint = result.hint === null || hints.has(result.hint) ? null : result.hint;
    terminal.fail({ message: subject(result), hint }, { word: wordOf(result, dryRun) });
    if (hint !== null) hints.add(hint);
  }
  for (const { key, from, notes } of results) {
    for (const note of notes) terminal.note(`${key ?? '?'} (${from}): ${note}`);
  }
  if (failure) terminal.fail(failure);
  terminal.out(summary(report));
}

function wordOf({ outcome }: KeyResult, dryRun: boolean): string {
  return dryRun ? WORDS[outcome].plan : WORDS[outcome].done;
}

function subject({ key, from, reason }: KeyResult): string {
  const where = key === null ? from : `${key} (${from})`;
  return reason === null ? where : `${where}: ${reason}`;
}

function summary({ results, project, path, dryRun }: ImportReport): string {
  const counts = Map.groupBy(results, ({ outcome }) => outcome);
  const parts = [...counts].map(
    ([outcome, of]) => `${String(of.length)} ${dryRun ? WORDS[outcome].plan : WORDS[outcome].done}`,
  );
  return `${project}:${path}: ${parts.length === 0 ? 'nothing to import' : parts.join(', ')}`;
}
