// The load, run as a process of its own: each request on a new connection, as Podman's curl makes it. A Load comes in as
// JSON, a LoadResult goes out. Speaks HTTP by hand: an HTTP client would cost more than the servers that are compared.
import { connect } from 'node:net';
import type { Load, LoadResult } from './load.ts';

const HEAD_END = Buffer.from('\r\n\r\n');

/** Rejects unless the answer is a 200 with exactly the wanted body. */
function ask(socketPath: string, path: string, body: Buffer): Promise<void> {
  return new Promise((done, failed) => {
    const socket = connect(socketPath);
    let got: Buffer = Buffer.alloc(0);
    socket.on('error', failed);
    socket.on('close', () => {
      failed(new Error('closed before the answer was complete'));
    });
    socket.on('data', (chunk: Buffer) => {
      got = got.length === 0 ? chunk : Buffer.concat([got, chunk]);
      const end = got.indexOf(HEAD_END);
      if (end === -1) return;
      const bodyAt = end + HEAD_END.length;
      if (got.length < bodyAt + body.length && got.toString('latin1', 9, 12) === '200') return;
      socket.destroy();
      if (got.toString('latin1', 9, 12) !== '200') failed(new Error(`status ${got.toString('latin1', 9, 12)}`));
      else if (!got.subarray(bodyAt).equals(body)) failed(new Error('wrong bytes'));
      else done();
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n`);
  });
}

async function main(load: Load): Promise<LoadResult> {
  const latencies: number[] = [];
  const failures: string[] = [];
  const body = Buffer.from(load.body);
  let sent = 0;
  let startedAt = performance.now();
  const one = async (total: number, into: number[]): Promise<void> => {
    for (let index = sent++; index < total; index = sent++) {
      const askedAt = performance.now();
      try {
        await ask(load.socket, load.paths[index % load.paths.length] ?? '/', body);
        into.push(performance.now() - askedAt);
      } catch (error) {
        failures.push(String(error));
      }
    }
  };
  const all = (total: number, into: number[]): Promise<unknown> => {
    sent = 0;
    startedAt = performance.now();
    return Promise.all(Array.from({ length: load.clients }, () => one(total, into)));
  };
  await all(load.warmUp, []);
  await all(load.total, latencies);
  return { latencies, seconds: (performance.now() - startedAt) / 1000, failures };
}

const given = Buffer.concat(await process.stdin.toArray()).toString('utf8');
process.stdout.write(JSON.stringify(await main(JSON.parse(given) as Load)));
