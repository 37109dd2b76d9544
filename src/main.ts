// The process: argv in, exit status out.

import './wiring/thread-pool.ts';
import { checkHealth, quickCheck } from './cli/health.ts';
import { allowClosedReaders, flushed } from './cli/streams.ts';
import { processTerminal } from './cli/terminal.ts';
import { scopeOf } from './config/places.ts';
import { speakTo } from './core/text/user-hints.ts';

const argv = process.argv.slice(2);
const output = [process.stdout, process.stderr];
allowClosedReaders(output);
speakTo(scopeOf(process.getuid?.() ?? 0));
const socket = quickCheck(argv, process.env);
if (socket === undefined) await runCommandLine();
else process.exitCode = await checkHealth(socket, processTerminal());

async function runCommandLine(): Promise<void> {
  const [{ leave }, { run }, { composeCommandLine }] = await Promise.all([
    import('./cli/leave.ts'),
    import('./cli/run.ts'),
    import('./wiring/command-line.ts'),
  ]);
  const status = await run(argv, await composeCommandLine());
  await flushed(output);
  await leave(status);
}
