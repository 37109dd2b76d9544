import assert from 'node:assert/strict';
import { test } from 'node:test';
import { execSessionGone } from '../../../../src/adapters/podman/exec-session.ts';

/** As Linux 6.12 lists them: one that listens, and one that is connected. */
const LISTENING = '00000000b07a4f8d: 00000002 00000000 00010000 0005 01 18586889 /proc/self/fd/13/attach';
const attached = (inode: number, references = 3): string =>
  `00000000f896643b: 0000000${String(references)} 00000000 00000000 0005 03 ${String(inode)} /proc/self/fd/13/attach`;
const OTHER = '0000000011111111: 00000003 00000000 00000000 0001 03 4711 /run/systemd/journal/stdout';
const PODMAN = { container: 'podman' };

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
}

/** The watch over these tables, the last of which stays; it has ended or it goes on after all of them. */
async function watched(env: NodeJS.ProcessEnv, ...tables: readonly (readonly string[])[]): Promise<'gone' | 'there'> {
  const done = new AbortController();
  let looks = 0;
  const seen = Promise.withResolvers<'there'>();
  const table = (): Promise<string> => {
    if (looks > tables.length + 2) seen.resolve('there');
    const lines = tables[Math.min(looks, tables.length - 1)] ?? [];
    looks += 1;
    return Promise.resolve(['Num       RefCount Protocol Flags    Type St Inode Path', ...lines, ''].join('\n'));
  };
  const noPause = (): Promise<void> => Promise.resolve();
  const watch = execSessionGone(env, done.signal, { table, pause: noPause }).then(() => 'gone' as const);
  // Where it looks no more it never ends.
  const idle = turns(50).then(() => 'there' as const);
  try {
    return await Promise.race([watch, seen.promise, idle]);
  } finally {
    done.abort();
  }
}

test('a caller has gone when its session has nobody at the other end, or is closed', async () => {
  assert.equal(await watched(PODMAN, [LISTENING, attached(1)], [LISTENING, attached(1, 2)]), 'gone');
  assert.equal(await watched(PODMAN, [LISTENING, attached(1), OTHER], [LISTENING, OTHER]), 'gone');
});

test('it is there while one of the sessions of its start is, and while the list lacks it once', async () => {
  assert.equal(await watched(PODMAN, [attached(1), attached(2)], [attached(2)]), 'there');
  assert.equal(await watched(PODMAN, [attached(1)], [], [attached(1)]), 'there');
});

test('nothing is seen in no container of podman, in another network, and where nobody was attached', async () => {
  assert.equal(await watched({}, [attached(1)], []), 'there');
  assert.equal(await watched(PODMAN, [OTHER], []), 'there');
  assert.equal(await watched(PODMAN, [LISTENING, attached(1, 2)], []), 'there');
});
