// Many containers that start together, each asking for its secrets one after another. A failure is anything but the exact value.
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../hosts/psi-process.ts';
import { run } from '../hosts/run.ts';
import { folder, type Folders, type Registered } from './world.ts';

/** The exact value, or why there is none. */
export type Asker = (secret: Registered) => Promise<string | undefined>;

export function stormFolders(workloads: number, secrets: number): Folders {
  return Object.fromEntries(
    Array.from({ length: workloads }, (_, workload) => {
      const path = `/w${String(workload)}`;
      return [path, folder(secrets, (index) => `value ${String(index)} of ${path}`)];
    }),
  );
}

/** Resolves to the failures' reasons. */
export async function storm(groups: readonly (readonly Registered[])[], asker: Asker): Promise<readonly string[]> {
  const failures: string[] = [];
  await Promise.all(
    groups.map(async (group) => {
      for (const secret of group) {
        const failure = await asker(secret);
        if (failure !== undefined) failures.push(failure);
      }
    }),
  );
  return failures;
}

/** Straight over the socket. */
export function overSocket(socket: string): Asker {
  return async ({ id, value }) => {
    const { status, headers, body } = await ask(socket, 'GET', `/lookup/${id}`);
    if (status !== 200) return `status ${String(status)}: ${String(headers['psi-hint'])}`;
    return body.toString('utf8') === value ? undefined : 'wrong value';
  };
}

/** What one lookup took when 50 real `podman run` of 20 secrets each ran at once on two processors: 58 to 84 s for the 1,000 of them. */
const PODMANS_PACE_MS = 60;

/** By the shell command that Podman froze, one at a time for the whole host: Podman holds its lock while the command runs. */
export function underPodmansLock(command: string): Asker {
  let lock: Promise<unknown> = Promise.resolve();
  const one: Asker = async ({ id, value }) => {
    const result = await run(['sh', '-c', command], { env: { PATH: process.env['PATH'], SECRET_ID: id } });
    if (result.code !== 0) return `exit ${String(result.code)}: ${result.stderr.trim()}`;
    return result.stdout === value ? undefined : 'wrong value';
  };
  return (secret) => {
    const answer = lock.then(() => one(secret));
    const pace = lock.then(() => sleep(PODMANS_PACE_MS));
    lock = Promise.all([answer, pace]);
    return answer;
  };
}
