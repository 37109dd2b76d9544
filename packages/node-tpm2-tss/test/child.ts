// Runs a program of this package in a process of its own, on a TPM that may be frozen.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

export type Ended = { readonly code: number | null; readonly signal: string | null; readonly output: string };

/** `program` is the body of a module that has `tpm` (the package) and `tcti`. Killed when it does not end: that shows as a signal. */
export async function runChild(program: string, tcti: string): Promise<Ended> {
  const source = `import * as tpm from 'node-tpm2-tss';\nconst tcti = process.argv.at(-1);\n${program}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source, tcti], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, output };
}
