// `psi infisical import …`: what becomes of each key, while it runs and at its end.

import type { ImportSource } from '../../transfer/import/entry.ts';
import type { Conflict, ImportEvent } from '../../transfer/import/report.ts';
import type { InfisicalTools } from '../composition.ts';
import { printImportReport } from '../import-report.ts';
import type { Terminal } from '../terminal.ts';

export type ImportCommandOptions = {
  readonly found: ImportSource;
  readonly path: string;
  readonly conflict: Conflict;
  readonly dryRun: boolean;
  readonly json: boolean;
};

export async function importCommand(
  tools: InfisicalTools,
  terminal: Terminal,
  { json, ...request }: ImportCommandOptions,
): Promise<number> {
  try {
    const report = await tools.importSecrets(request, (event) => {
      showImportEvent(terminal, event);
    });
    terminal.progress('');
    if (json) terminal.out(JSON.stringify(report));
    else printImportReport(terminal, report);
    return report.exit;
  } finally {
    terminal.progress('');
    tools.close();
  }
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
      // For those without a terminal too: it takes up to a minute.
      terminal.error(`${event.message}; going on in ${String(Math.ceil(event.waitMs / 1000))} s`);
      break;
    case 'verifying':
      terminal.progress('looking at what is there now');
      break;
  }
}
