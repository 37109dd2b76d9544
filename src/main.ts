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
// Whoever read it has stopped reading, as `head` does: that is no failure.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const status = await run(process.argv.slice(2), {
  terminal: processTerminal(),
  version,
  loadConfig: (path) => loadConfig({ path, env, uid, readFile }),
  defaultConfig: () => defaultConfig({ env, uid }),
  formatIssues: async (issues) =>
    (await import('./config/findings/report.ts')).formatIssues(issues, { color: process.stderr.isTTY }),
  compose: async () => (await import('./wiring/composition.ts')).composition({ env, version, uid }),
});

// Not exitCode alone: a call to a Podman that never answers would keep a stopped service alive. But what a slow reader of a pipe has not
// taken yet is still in this process, and would be cut off.
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
process.exit(status);

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((done) => {
    stream.write('', () => {
      done();
    });
  });
}
