// The lookup helper and a server that sends anything, in a process with a kernel of its own (packages/psi-lookup/test/fuzz.c): no crash, no part of a
// value, no success without the whole of it, no wait without an end, nothing of it left in memory.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanly } from '../hosts/at-end.ts';
import { fuzzedHelper, fuzzerSupport, HELPER_PACKAGE } from '../hosts/lookup-helper.ts';
import { run } from '../hosts/run.ts';
import type { Order, Part, Tally } from './campaign.ts';

export const HELPER: Part = { name: 'helper', unit: 'answers', whole: 1_000_000, run: fuzz, support: fuzzerSupport };

/** What it starts from: answers of which each is right, or wrong in one way. */
const ANSWERS: readonly string[] = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nvalue',
  'HTTP/1.1 200 OK\nX: a\ncontent-length:5 \n\nvalue and more',
  'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nvalue',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 3\r\n\r\nvalue',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nvalue\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nvalue',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nvalue',
  'HTTP/1.1 103 Early\r\nContent-Length: 3\r\n\r\nHTTP/1.1 200 OK\r\n\r\nvalue',
  'HTTP/1.1 302 Found\r\nContent-Length: 5\r\n\r\nvalue',
  'HTTP/1.1 404 Not Found\r\nContent-Type: psi: gone\r\nContent-Length: 0\r\n\r\n',
  'Authorization: Bearer token\r\n\r\n',
];
const VERBS = 5;
const SETTING = Buffer.from([0, 1, 2, 0, 0, 0, 0, 0]);

function fuzz({ count, seed, progress }: Order): Promise<Tally> {
  return cleanly(async (at) => {
    const dir = await mkdtemp(join(tmpdir(), 'psi-helper-fuzz-'));
    at.after(() => rm(dir, { recursive: true, force: true }));
    const program = await fuzzedHelper(dir);
    if (!program.ok) throw new Error(program.reason);
    const args = [`-runs=${String(count)}`, `-seed=${String(seed)}`, `-artifact_prefix=${dir}/`, await corpus(dir)];
    // By a shell that waits for it: else the kernel counts the memory of this process, which becomes the fuzzer, as the fuzzer's own.
    const shell = ['sh', '-c', '"$@"; exit $?', 'sh'];
    const { code, stderr } = await run([...shell, ...program.argv, ...FLAGS, ...args], {
      // The helper allocates nothing: what the sanitizer would keep back of freed memory is the fuzzer's own, a quarter of a gigabyte.
      env: { PATH: process.env['PATH'], SECRET_ID: 'abc', ASAN_OPTIONS: 'quarantine_size_mb=8' },
    });
    progress(count);
    const number = (words: RegExp): number => Number(words.exec(stderr)?.[1] ?? 0);
    return {
      done: number(/^stat::number_of_executed_units:\s*(\d+)$/m),
      faults: code === 0 ? [] : [faultIn(stderr)],
      peakMiB: number(/^stat::peak_rss_mb:\s*(\d+)$/m),
      counts: {},
    };
  });
}

const FLAGS: readonly string[] = [
  ...['-max_len=2048', '-len_control=0', '-print_final_stats=1', '-timeout=30'],
  `-dict=${join(HELPER_PACKAGE, 'test/http.dict')}`,
];

async function corpus(dir: string): Promise<string> {
  const folder = join(dir, 'corpus');
  await mkdir(folder);
  for (const [index, answer] of ANSWERS.entries()) {
    for (let verb = 0; verb < VERBS; verb += 1) {
      const input = Buffer.concat([SETTING, Buffer.from(answer)]);
      input[0] = verb;
      await writeFile(join(folder, `${String(index)}-${String(verb)}`), input);
    }
  }
  return folder;
}

/** What is wrong, and the input with which it is seen again. */
function faultIn(stderr: string): string {
  const what = /^(?:must not be: .*|SUMMARY: .*)$/m.exec(stderr)?.[0] ?? stderr.slice(-500);
  return `${what} (input, base64: ${/Base64: (\S*)/.exec(stderr)?.[1] ?? 'none'})`;
}
