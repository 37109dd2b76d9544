// Requests that nobody would send, to both sockets: PSI answers or hangs up, keeps what it had, and makes no files of them.

import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { ask } from '../hosts/psi-process.ts';
import type { Observed } from '../process/observed/stage.ts';
import { idOf, lookUp, mappingOf, peakMiB, type Order, type Part, type Tally } from './campaign.ts';
import { cleanly } from '../hosts/at-end.ts';
import { busyStage } from './kills.ts';
import { Random } from './random.ts';
import { KEYS, valueOf } from './traffic.ts';

/** Requests of one connection. */
const TOGETHER = 64;
const LANES = 4;
/** Stored before, and looked at afterwards. */
const KEPT = 20;
/** PSI may take this long for a connection, far more than it ever does. */
const ANSWERED_MS = 20_000;

export const FUZZ: Part = { name: 'fuzz', unit: 'requests', whole: 500_000, run: fuzz };

function fuzz({ count, seed, progress }: Order): Promise<Tally> {
  return cleanly(async (at) => {
    const random = new Random(seed);
    const it = await busyStage(at, {});
    const { pid, stateDir } = it.psi;
    for (let number = 0; number < KEPT; number += 1) {
      await ask(it.psi.socket, 'POST', `/store/${idOf(number)}`, mappingOf(KEYS[number % KEYS.length] ?? 'K0'));
    }
    const own = await readdir(stateDir);
    const sockets = [it.psi.socket, it.psi.socket, `${it.options.dir}/control.sock`] as const;
    const counts = { internal: 0, hungUp: 0 };
    let asked = 0;
    const lane = async (): Promise<void> => {
      while (asked < count) {
        const together = random.below(5) === 0 ? 1 : TOGETHER;
        const bytes = together === 1 ? garbage(random) : Buffer.concat(requests(random, together));
        const { statuses, internal } = await exchange(random.pick([...sockets]), bytes);
        counts.internal += internal;
        // What follows a request that PSI hung up on was not read.
        const hungUp = statuses.length < together ? 1 : 0;
        counts.hungUp += hungUp;
        asked += Math.max(statuses.length, hungUp);
        progress(asked);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    const faults = [...(await kept(it)), ...(await strange(stateDir, own))];
    if (counts.internal > 0) faults.push(`${String(counts.internal)} requests were answered with INTERNAL: a bug`);
    if (it.psi.pid !== pid || (await lookUp(it.psi.socket, idOf(0))).status !== 200) faults.push('psi is gone');
    return { done: asked, faults, peakMiB: await peakMiB(it.psi), counts };
  });
}

async function kept(it: Observed): Promise<string[]> {
  const faults: string[] = [];
  for (let number = 0; number < KEPT; number += 1) {
    const found = await lookUp(it.psi.socket, idOf(number));
    if (found.value !== valueOf(KEYS[number % KEYS.length] ?? 'K0')) faults.push(`${idOf(number)} was changed`);
  }
  return faults;
}

/** Ids that a request may store. */
const STORED = /^(?:f[0-9]{1,2}|constructor)$/;

/** Files that no request may have made. */
async function strange(stateDir: string, own: readonly string[]): Promise<readonly string[]> {
  const names = await readdir(stateDir);
  const expected = (name: string): boolean =>
    own.includes(name) || STORED.test(name) || /^\.?(?:cache\.enc|names\.json|token)/.test(name);
  return names.filter((name) => !expected(name)).map((name) => `a request made the file ${JSON.stringify(name)}`);
}

type Heard = {
  readonly statuses: readonly number[];
  /** Answers that say that PSI has a bug; a 500 may be a config that cannot be read just now, too. */
  readonly internal: number;
};

/** Sends it all, and hears what comes until the other side hangs up or has answered the last one. */
function exchange(path: string, bytes: Buffer): Promise<Heard> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const heard: Buffer[] = [];
    const late = setTimeout(() => {
      reject(
        new Error(
          `no answer within ${String(ANSWERED_MS)} ms to ${JSON.stringify(bytes.toString('latin1')).slice(0, 400)}`,
        ),
      );
      socket.destroy();
    }, ANSWERED_MS);
    socket.on('data', (chunk: Buffer) => heard.push(chunk));
    // A reset is an answer too: PSI hung up while there was more to read.
    socket.on('error', () => undefined);
    void once(socket, 'close').then(() => {
      clearTimeout(late);
      const text = Buffer.concat(heard).toString('latin1');
      const statuses = [...text.matchAll(/HTTP\/1\.1 ([2-5]\d\d) /g)].map(([, status]) => Number(status));
      resolve({ statuses, internal: [...text.matchAll(/^psi-code: INTERNAL\r$/gim)].length });
    });
    socket.end(bytes);
  });
}

const METHODS = ['GET', 'POST', 'DELETE', 'PUT', 'HEAD', 'OPTIONS', 'PATCH', 'TRACE'] as const;
const ROUTES = [
  '/lookup/',
  '/store/',
  '/delete/',
  '/list',
  '/healthz',
  '/status',
  '/metrics',
  '/cache',
  '/hsm',
  '/',
  '//',
  '/lookup',
] as const;
const PIECES = [
  '..',
  '%2e%2e%2f',
  '%00',
  '%',
  '%zz',
  'tls',
  'cache.enc',
  'driver.hdr',
  'names.json',
  '.token',
  '__proto__',
  'constructor',
  '%F0%9F%98%80',
  '?a=b',
  '?',
  '#',
  ';',
  '$(id)',
  '`id`',
  "'",
  '"',
  '\\',
  ' ',
  '*',
  'a'.repeat(129),
  'A'.repeat(9000),
] as const;
const HEADERS = [
  'psi-code: NOT_FOUND',
  'Authorization: Bearer x',
  'Authorization: Basic \u00ff',
  'Expect: 100-continue',
  'Upgrade: websocket',
  'Content-Type: application/json',
  'Content-Type: application/json; charset=nope',
  'Content-Encoding: gzip',
  'Accept: */*',
  'X-Forwarded-For: 1.2.3.4',
  'User-Agent: curl/7.61.0',
  'Cookie: a=b',
  'Range: bytes=0-',
  'If-None-Match: *',
] as const;

/** Well-formed requests of one connection; the last one asks to close it. */
function requests(random: Random, count: number): readonly Buffer[] {
  return Array.from({ length: count }, (_, index) => request(random, index === count - 1));
}

function request(random: Random, last: boolean): Buffer {
  const route = random.pick([...ROUTES]);
  const path =
    route + (random.below(2) === 0 ? `f${String(random.below(50))}` : random.pick([...PIECES]).replaceAll(' ', '%20'));
  const method = random.pick([...METHODS]);
  const body = random.below(2) === 0 ? bodyOf(random) : Buffer.alloc(0);
  const extra = Array.from({ length: random.below(4) }, () => random.pick([...HEADERS]));
  // Asking would make it wait for the go-ahead that a client waits for.
  const head = [
    `${method} ${path} HTTP/1.1`,
    'Host: localhost',
    `Content-Length: ${String(body.length)}`,
    ...(last ? ['Connection: close'] : []),
    ...extra.filter((line) => !line.startsWith('Upgrade')),
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

function bodyOf(random: Random): Buffer {
  const texts = [
    mappingOf('K0'),
    '{}',
    '[]',
    'null',
    '',
    'secret value',
    '{"provider":"infisical"}',
    '{"__proto__":{"x":1}}',
    '\u0000',
    '{"provider":"nobody","project":"main","path":"/app","key":"K0"}',
    '['.repeat(2000),
    '{"provider":"infisical","project":"main","path":"../etc","key":"K0"}',
    '{"dryRun":true,"workload":"nobody"}',
    '{"workload":7}',
    '{"name":"../../etc/passwd"}',
    '{"backend":"../tpm"}',
  ] as const;
  return random.below(4) === 0 ? random.bytes(random.below(600)) : Buffer.from(random.pick([...texts]));
}

/** What is no request: bytes, or a request that was cut or changed on its way. */
function garbage(random: Random): Buffer {
  if (random.below(3) === 0) return random.bytes(1 + random.below(2000));
  const whole = request(random, true);
  if (random.below(2) === 0) return whole.subarray(0, random.below(whole.length));
  const changed = Buffer.from(whole);
  for (let time = random.below(8); time >= 0; time -= 1) changed[random.below(changed.length)] = random.below(256);
  return changed;
}
