// A hostile provider: whatever it answers, PSI goes on answering, ends what it began, keeps the lines it wrote and prints nothing raw.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ask } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run } from '../hosts/run.ts';
import { said, stage, type Observed } from '../process/observed/stage.ts';
import { lookUp, MEMORY_MIB, peakMiB, type Order, type Part, type Tally } from './campaign.ts';
import { cleanly } from '../hosts/at-end.ts';
import { HOSTILE } from './hostile-answers.ts';
import { startHostileServer } from './hostile-server.ts';
import { Random } from './random.ts';
import { KEYS, valueOf } from './traffic.ts';

export const HOSTILE_ANSWERS: Part = { name: 'hostile', unit: 'answers', whole: HOSTILE.length, run: hostile };

/** Far more than a lookup may take with the timeout below. */
const ANSWERED_MS = 10_000;
/** A setup that waits for a provider says so; after this it is ended as a person would. */
const PATIENCE_MS = 3_000;

function hostile({ count, seed, progress }: Order): Promise<Tally> {
  return cleanly(async (at) => {
    const values = Object.fromEntries(KEYS.map((key) => [key, valueOf(key)]));
    const it = await stage(at, {
      folders: { '/app': values },
      config: { lookup: { timeout: '1s', batch_window: '1m' } },
    });
    const server = await startHostileServer(at, it.front.url);
    Object.assign(it.options, { apiUrl: server.url });
    await it.restart();
    const faults: string[] = [];
    const setup = await it.setup();
    if (setup.code !== 0) throw new Error(said(setup));
    const before = await dropIn(it);
    let peak = 0;
    for (const [index, { name, make }] of new Random(seed).sample(HOSTILE, count).entries()) {
      server.answer = make();
      const found = await one(it, before);
      const memory = await peakMiB(it.psi);
      peak = Math.max(peak, memory);
      if (memory > MEMORY_MIB) found.push(`it takes ${String(memory)} MiB`);
      faults.push(...found.map((fault) => `${name}: ${fault}`));
      server.answer = undefined;
      // Each meets a PSI that knows of no failure yet.
      await it.restart();
      faults.push(...(await mended(it)).map((fault) => `after ${name}: ${fault}`));
      progress(index + 1);
    }
    return { done: count, faults, peakMiB: peak, counts: {} };
  });
}

async function one(it: Observed, before: string): Promise<string[]> {
  const faults: string[] = [];
  const [id = ''] = (await it.podman.list()).map((secret) => secret.id);
  const lookups = Promise.all([1, 2, 3].map(() => within(ANSWERED_MS, lookUp(it.psi.socket, id))));
  for (const found of await lookups) {
    if (found === 'late') faults.push('a lookup is not answered');
    else if (found.code === 'INTERNAL' || (found.status === 200 && !/^(?:value of |hostile |vvv)/.test(found.value)))
      faults.push(`a lookup is answered with ${String(found.status)} ${found.code} ${found.value.slice(0, 200)}`);
  }
  const words = await impatientSetup(it);
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  if (/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/.test(words)) faults.push('something is printed raw');
  if (words.includes('psi: internal error')) faults.push(`the setup fails: ${words.slice(0, 300)}`);
  const health = await within(ANSWERED_MS, ask(it.psi.socket, 'GET', '/healthz'));
  if (health === 'late' || health.status !== 200) faults.push('psi is not healthy');
  faults.push(...lost(before, await dropIn(it)));
  return faults;
}

/** Ends when it is through, or when whoever waits for it has had enough. */
async function impatientSetup(it: Observed): Promise<string> {
  const env = { PATH: process.env['PATH'], PSI_CONFIG: it.psi.configFile };
  return said(await run([...PSI_UNDER_TEST, 'setup'], { env, timeoutMs: PATIENCE_MS }));
}

/** No line may go: nobody said that a secret is gone. */
function lost(before: string, now: string): readonly string[] {
  const lines = (text: string): readonly string[] => text.split('\n').filter((line) => line.startsWith('Secret='));
  const gone = lines(before).filter((line) => !lines(now).includes(line));
  const strange = now.split('\n').filter((line) => /evil|reboot|cron/.test(line) || line === '[Service]');
  return [
    ...gone.map((line) => `the line is gone: ${line}`),
    ...strange.map((line) => `a line that runs something: ${line}`),
  ];
}

async function mended(it: Observed): Promise<readonly string[]> {
  const secrets = await it.podman.list();
  const known = secrets.find(({ name }) => name === 'app--K0');
  const found = await lookUp(it.psi.socket, known?.id ?? '');
  return found.value === valueOf('K0') ? [] : [`the lookup answers ${String(found.status)} ${found.code}`];
}

const dropIn = (it: Observed): Promise<string> =>
  readFile(join(it.psi.systemdDir, 'app.container.d', '50-secrets.conf'), 'utf8').catch(() => '');

async function within<T>(ms: number, work: Promise<T>): Promise<T | 'late'> {
  const over = new AbortController();
  const late = new Promise<'late'>((resolve) => {
    const timer = setTimeout(resolve, ms, 'late' as const);
    over.signal.addEventListener('abort', () => {
      clearTimeout(timer);
    });
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}
