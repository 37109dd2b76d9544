// The bench's own helper processes: a script of this tree under the same Node, known to be ready by its first line of output.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export type Child = { readonly firstLine: string; readonly pid: number; readonly stop: () => Promise<void> };

export async function startChild(script: string, args: readonly string[] = []): Promise<Child> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const died = exited.then(([code]: unknown[]) => {
    throw new Error(`${script} ended with ${String(code)} before it was ready`);
  });
  const [firstLine] = (await Promise.race([once(lines, 'line'), died])) as [string];
  died.catch(() => undefined);
  return {
    firstLine,
    pid: child.pid ?? 0,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await exited;
      }
    },
  };
}
