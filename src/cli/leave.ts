// The end of the process, which nothing may hold up.

import { setTimeout as pause } from 'node:timers/promises';

/** File operations that were begun get that long. */
const PATIENCE_MS = 500;
const LOOK_MS = 25;

/** Node waits at its exit for file operations under way, and one on a mount that is dead never comes back. */
export async function leave(status: number): Promise<never> {
  for (let waited = 0; waited < PATIENCE_MS && fileOperations(); waited += LOOK_MS) await pause(LOOK_MS);
  if (fileOperations()) endNow(status);
  // Not exitCode alone: a call to a Podman that never answers would keep a stopped service alive.
  process.exit(status);
}

/** The kernel ends the process and all its threads, and what takes its place says how it ended. */
export function endNow(status: number): void {
  process.execve?.('/bin/sh', ['sh', '-c', `exit ${String(status)}`], {});
  process.kill(process.pid, 'SIGKILL');
}

function fileOperations(): boolean {
  return process.getActiveResourcesInfo().some((kind) => kind.startsWith('FSReq'));
}
