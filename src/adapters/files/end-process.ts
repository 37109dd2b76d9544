// The end of the process. Node waits for its threads, and one that hangs in a file would keep it from ending for good.

import { fileCalls } from './file-calls.ts';

export function endProcess(status: number): void {
  // The kernel ends all threads then; as the first process of a container it could not end itself by a signal.
  if (fileCalls.hung > 0) process.execve?.('/bin/sh', ['sh', '-c', `exit ${String(status)}`], {});
  process.exit(status);
}
