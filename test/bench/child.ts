// The bench's own helper processes: a script of this tree under the same Node, known to be ready by its first line of output.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { FLAGS } from '../hosts/psi-tree.ts';
import type { Stage } from './measurement.ts';

/** The yardstick, under the flags that PSI has. */
export function startBare(stage: Stage, socket: string, body: string): Promise<Child> {
  return startChild(stage, join(import.meta.dirname, 'bare-server.cjs'), [socket, body], FLAGS);
}

export type Child = { readonly firstLine: string; readonly pid: number };

/** `flags`: of Node. */
export async function startChild(
  stage: Stage,
  script: string,
  args: readonly string[] = [],
  flags: readonly string[] = [],
): Promise<Child> {
  const child = spawn(process.execPath, [...flags, script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  // Before it is ready: a bench that is interrupted meanwhile has to end it too.
  stage.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await exited;
  });
  const lines = createInterface({ input: child.stdout });
  const died = exited.then(([code]: unknown[]) => {
    throw new Error(`${script} ended with ${String(code)} before it was ready`);
  });
  const [firstLine] = (await Promise.race([once(lines, 'line'), died])) as [string];
  died.catch(() => undefined);
  return { firstLine, pid: child.pid ?? 0 };
}
