// `psi infisical import podman-secret` and `… quadlet`: what becomes of each key, and what is left to do.

import type { ImportEvent } from '../../transfer/import/report.ts';
import type { PodmanFound } from '../../transfer/import/podman.ts';
import type { QuadletReport } from '../../transfer/import/quadlet.ts';
import type { InfisicalTools, QuadletFlags } from '../composition.ts';
import { printImportReport } from '../import-report.ts';
import { printQuadletSteps } from '../quadlet-report.ts';
import type { Terminal } from '../terminal.ts';
import { importCommand, showImportEvent, type ImportCommandOptions } from './import.ts';

export async function importPodmanCommand(
  tools: InfisicalTools,
  terminal: Terminal,
  read: () => Promise<PodmanFound>,
  options: Omit<ImportCommandOptions, 'found'>,
): Promise<number> {
  let found: PodmanFound;
  try {
    terminal.progress('reading the secrets from podman');
    found = await read();
  } catch (error) {
    tools.close();
    throw error;
  } finally {
    terminal.progress('');
  }
  for (const name of found.leftOut)
    terminal.error(`note: ${name} is left out: psi registered it, its value is infisical's`);
  return importCommand(tools, terminal, { ...options, found });
}

export async function importQuadletCommand(
  tools: InfisicalTools,
  terminal: Terminal,
  { json, rewrite }: QuadletFlags & { readonly json: boolean },
  run: (emit: (event: ImportEvent) => void) => Promise<QuadletReport>,
): Promise<number> {
  try {
    const report = await run((event) => {
      showImportEvent(terminal, event);
    });
    terminal.progress('');
    if (json) terminal.out(JSON.stringify(report));
    else {
      printImportReport(terminal, report);
      printQuadletSteps(terminal, report, rewrite);
    }
    return report.exit;
  } finally {
    terminal.progress('');
    tools.close();
  }
}
