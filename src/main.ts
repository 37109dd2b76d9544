// The process: argv in, exit status out.

import './wiring/thread-pool.ts';
import { leave } from './cli/leave.ts';
import { run } from './cli/run.ts';
import { allowClosedReaders, flushed } from './cli/streams.ts';
import { composeCommandLine } from './wiring/command-line.ts';

const output = [process.stdout, process.stderr];
allowClosedReaders(output);
const status = await run(process.argv.slice(2), await composeCommandLine());
await flushed(output);
await leave(status);
