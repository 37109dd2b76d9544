// Wiring of what every command needs. All else is loaded when a command asks for it: a health check must not pay for the server's packages.
// Part of the composition root.

import { readFile } from 'node:fs/promises';
import { readBounded } from '../adapters/files/file-calls.ts';
import type { CliDeps } from '../cli/run.ts';
import { processTerminal } from '../cli/terminal.ts';
import { defaultConfig, loadConfig } from '../config/load.ts';

export async function composeCommandLine(): Promise<CliDeps> {
  const { env } = process;
  const uid = process.getuid?.() ?? 0;
  const version = await ownVersion();
  return {
    terminal: processTerminal(),
    version,
    loadConfig: async (path) => {
      const { PROVIDER_KINDS: kinds } = await import('./provider-kinds.ts');
      return await loadConfig({ path, env, uid, readFile: readBounded, kinds });
    },
    defaultConfig: () => defaultConfig({ env, uid }),
    formatIssues: async (issues) => (await import('../config/findings/report.ts')).formatIssues(issues),
    compose: async () => (await import('./composition.ts')).composition({ env, version, uid }),
  };
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
