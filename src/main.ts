// The process: argv in, exit status out.

import './wiring/thread-pool.ts';
import './cli/compiled-parts.ts';
import { join } from 'node:path';
import { checkHealth, quickCheck } from './cli/health.ts';
import { allowClosedReaders, flushed } from './cli/streams.ts';
import { processTerminal } from './cli/terminal.ts';
import { EXIT } from './core/exit.ts';

/** One folder up from the sources as from the build. */
const MANIFEST = join(import.meta.dirname, '../package.json');

const argv = process.argv.slice(2);
const output = [process.stdout, process.stderr];
allowClosedReaders(output);
const socket = quickCheck(argv, process.env);
// Of a command that waits for nothing any more; each sets its own when it ends.
process.exitCode = EXIT.INTERNAL;
void main();

async function main(): Promise<void> {
  if (socket === undefined) await runCommandLine();
  else process.exitCode = await checkHealth(socket, processTerminal());
}

async function runCommandLine(): Promise<void> {
  const [{ leave }, { run }, { composeCommandLine }] = await Promise.all([
    import('./cli/leave.ts'),
    import('./cli/run.ts'),
    import('./wiring/command-line.ts'),
  ]);
  const status = await run(argv, await composeCommandLine(MANIFEST));
  await flushed(output);
  await leave(status);
}
