// Wiring of what every command needs. All else is loaded when a command asks for it: a health check must not pay for the server's packages.
// Part of the composition root.

import { readFile } from 'node:fs/promises';
import { execSessionGone } from '../adapters/podman/exec-session.ts';
import { processCaller } from '../cli/caller.ts';
import type { CliDeps } from '../cli/run.ts';
import { processTerminal } from '../cli/terminal.ts';
import { defaultConfig, loadConfig } from '../config/load.ts';
import { handedOver } from '../config/places.ts';
import { versionText } from '../core/version.ts';
import type { composeReading } from './config-reading.ts';

/** `manifest`: PSI's package.json. */
export async function composeCommandLine(manifest: string): Promise<CliDeps> {
  const { env } = process;
  const uid = process.getuid?.() ?? 0;
  const version = await ownVersion(manifest);
  const fullVersion = versionText(version, env['PSI_REVISION']);
  const reading = async (path: string | undefined): Promise<ReturnType<typeof composeReading>> =>
    (await import('./config-reading.ts')).composeReading(path, { env, uid });
  return {
    terminal: processTerminal(),
    caller: processCaller((done) => execSessionGone(env, done)),
    version: fullVersion,
    loadConfig: async (path) => loadConfig((await reading(path)).load),
    defaultConfig: () => defaultConfig({ env, uid }),
    lastGoodConfig: async () => {
      const { load, lastGood } = await reading(undefined);
      const { lastGoodConfig } = await import('../service/starting-config.ts');
      return (await lastGoodConfig(load, lastGood).catch(() => undefined))?.config;
    },
    controlSocket: handedOver(env).controlSocket,
    driverSocket: handedOver(env).socket,
    formatIssues: async (issues) => (await import('../config/findings/report.ts')).formatIssues(issues),
    compose: async () => (await import('./composition.ts')).composition({ env, version, fullVersion, uid }),
  };
}

async function ownVersion(manifest: string): Promise<string> {
  const text = await readFile(manifest, 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
