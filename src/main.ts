// The process: argv in, exit status out.

import { readFile } from 'node:fs/promises';
import { run } from './cli/run.ts';
import { processTerminal } from './cli/terminal.ts';
import { defaultConfig, loadConfig } from './config/load.ts';

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const { env } = process;
const uid = process.getuid?.() ?? 0;

const status = await run(process.argv.slice(2), {
  terminal: processTerminal(),
  version,
  loadConfig: (path) => loadConfig({ path, env, uid, readFile }),
  defaultConfig: () => defaultConfig({ env, uid }),
  formatIssues: async (issues) =>
    (await import('./config/report.ts')).formatIssues(issues, { color: process.stderr.isTTY }),
  compose: async () => (await import('./compose.ts')).composition({ env, version, uid }),
});

// Not exitCode alone: a call to a Podman that never answers would keep a stopped service alive. Output is written by now: pipes are
// synchronous here, and the log flushes itself on exit.
process.exit(status);
