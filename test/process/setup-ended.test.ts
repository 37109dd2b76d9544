// A setup of many secrets as whoever waits for it sees it: what it is at, how it is ended in the middle, and how long a boot waits for it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { PSI_TREE, PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { said, stage, type Observed } from './observed/stage.ts';

const COUNT = 200;
const KEYS = Array.from({ length: COUNT }, (_, index) => `K${String(index)}`);
const FOLDER = Object.fromEntries(KEYS.map((key) => [key, 'x']));
const MIDDLE = 60;
/** A signal ends a command within five seconds; a busy machine may add some to that. */
const END_MS = 8_000;

/** Podman takes so long for each create. */
function slowly(it: Observed, ms: number, onWrite: () => void = () => undefined): void {
  it.podman.onWrite = () => {
    it.podman.holdCreate = pause(ms);
    onWrite();
  };
}

type Client = {
  readonly kill: (signal: NodeJS.Signals) => void;
  /** All of its output, and how it ended. */
  readonly ended: Promise<{ readonly text: string; readonly code: number | null }>;
  readonly text: () => string;
};

function client(it: Observed, args: readonly string[], command: readonly string[] = PSI_UNDER_TEST): Client {
  const [program = '', ...words] = command;
  const env = { PATH: process.env['PATH'], PSI_CONFIG: it.psi.configFile, NO_COLOR: '1', TERM: 'xterm' };
  const child = spawn(program, [...words, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
  }
  const ended = once(child, 'close').then(() => ({ text, code: child.exitCode }));
  return { kill: (signal) => child.kill(signal), ended, text: () => text };
}

/** On a terminal of its own, which is 200 columns wide. */
function onTerminal(it: Observed, ...args: readonly string[]): Client {
  const words = [...PSI_UNDER_TEST, ...args].map((word) => `'${word}'`).join(' ');
  return client(it, ['-qec', `stty cols 200; exec ${words}`, '/dev/null'], ['script']);
}

async function inTheMiddle(it: Observed, started: () => Client, signal: NodeJS.Signals): Promise<Client> {
  const middle = Promise.withResolvers<undefined>();
  slowly(it, 25, () => {
    if (it.podman.writes.length === MIDDLE) middle.resolve(undefined);
  });
  const one = started();
  const early = one.ended.then(({ text }) => assert.fail(`it ended before the middle: ${text}`));
  await Promise.race([middle.promise, early]);
  early.catch(() => undefined);
  one.kill(signal);
  return one;
}

async function theRestIsDoneAtOnce(it: Observed): Promise<void> {
  it.podman.onWrite = () => undefined;
  it.podman.holdCreate = undefined;
  const next = await it.setup();
  assert.equal(next.code, 0, said(next));
  assert.doesNotMatch(said(next), /another setup is running/);
  const names = it.podman.writes.map(({ name }) => name);
  assert.deepEqual([names.length, new Set(names).size], [COUNT, COUNT], 'a secret was made twice');
  assert.equal((await it.targets()).length, COUNT);
}

/** The service tries nothing again by itself while a test lasts. */
const env = { PSI_SETUP_RETRY: '1h' };

const twoHundred = (t: TestContext): Promise<Observed> => stage(t, { folders: { '/app': FOLDER }, env });

describe('a setup of 200 secrets', { concurrency: 2 }, () => {
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    // F13
    test(`${signal} ends it in the middle: it says what was done and what was not, and the next one goes on`, async (t) => {
      const it = await twoHundred(t);
      const one = await inTheMiddle(it, () => client(it, ['setup']), signal);
      const began = performance.now();
      const { text, code } = await one.ended;
      assert.equal(code, status, text);
      assert.ok(performance.now() - began < END_MS, 'it took long');
      const made = text.match(/^created secret app--/gm)?.length ?? 0;
      assert.match(text, new RegExp(`^not done: app: ${String(COUNT - made)} of ${String(COUNT)} changes$`, 'm'));
      assert.match(text, new RegExp(`^error: setup was ended before its end: .*${signal}`, 'm'));
      // What was done is what is told, and nothing goes on after it.
      const there = (await it.podman.list()).length;
      assert.deepEqual([there, it.podman.writes.length], [made, made]);
      assert.ok(made >= MIDDLE && made < COUNT, String(made));
      assert.match((await it.psi.cli('status')).stdout, /^setup owed: app; /m);
      await theRestIsDoneAtOnce(it);
    });
  }

  test('a killed command ends it, the service says so, and the next one goes on', async (t) => {
    const it = await twoHundred(t);
    const one = await inTheMiddle(it, () => client(it, ['setup']), 'SIGKILL');
    await one.ended;
    await theRestIsDoneAtOnce(it);
    await it.psi.stop();
    assert.match(it.psi.log(), /setup was ended: the command went away; \d+ changes were made before/);
  });

  // F13
  test('--json says the same as data, with the status of the signal', async (t) => {
    const it = await twoHundred(t);
    const one = await inTheMiddle(it, () => client(it, ['setup', '--json']), 'SIGTERM');
    const { text, code } = await one.ended;
    assert.equal(code, 143, text);
    const { exit, result } = JSON.parse(text) as { exit: number; result: { changes: object[]; ended: unknown } };
    const undone = [{ workload: 'app', changes: COUNT - result.changes.length }];
    assert.deepEqual([exit, result.ended], [143, { reason: 'the command was ended (SIGTERM)', undone }]);
  });

  // F13
  test('one that waits for another says at a signal that it has not begun, and the other goes on', async (t) => {
    const it = await twoHundred(t);
    const began = Promise.withResolvers<undefined>();
    slowly(it, 25, () => {
      began.resolve(undefined);
    });
    const first = client(it, ['setup']);
    await began.promise;
    const second = client(it, ['setup']);
    while (!second.text().includes('waiting for it')) await pause(20);
    second.kill('SIGTERM');
    const { text, code } = await second.ended;
    assert.equal(code, 143, text);
    assert.match(text, /nothing was changed/);
    assert.ok(it.podman.writes.length < COUNT);
    assert.equal((await first.ended).code, 0);
    assert.doesNotMatch((await it.psi.cli('status')).stdout, /problem|owed/);
  });

  // F19
  test('on a terminal it shows workload, number, total and time', async (t) => {
    const it = await twoHundred(t);
    slowly(it, 5);
    const { text, code } = await onTerminal(it, 'setup').ended;
    assert.equal(code, 0, text);
    assert.match(text, /\[\d+ s\] app \(1\/1\): 12\/200/);
    const again = await onTerminal(it, 'setup', '--json').ended;
    assert.match(again.text, /^\{"format":1,"command":"setup".*\}\r?\n$/);
  });

  // F13
  test('Ctrl-C on a terminal ends it, and it says what was done', async (t) => {
    const it = await twoHundred(t);
    const middle = Promise.withResolvers<undefined>();
    slowly(it, 25, () => {
      if (it.podman.writes.length === MIDDLE) middle.resolve(undefined);
    });
    const words = [...PSI_UNDER_TEST, 'setup'].map((word) => `'${word}'`).join(' ');
    const env = { PATH: process.env['PATH'], PSI_CONFIG: it.psi.configFile, NO_COLOR: '1', TERM: 'xterm' };
    const child = spawn('script', ['-qec', words, '/dev/null'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
    await middle.promise;
    child.stdin.write('\u0003');
    await once(child, 'close');
    assert.match(text, /not done: app: \d+ of 200 changes/);
    assert.equal(child.exitCode, 130, text);
    await theRestIsDoneAtOnce(it);
  });

  // F19
  test('elsewhere a line now and then says where it is', async (t) => {
    const it = await twoHundred(t);
    slowly(it, 40);
    const { text, code } = await client(it, ['setup']).ended;
    assert.equal(code, 0, text);
    const lines = text.match(/^\[\d+ s\] app \(1\/1\): \d+\/200$/gm) ?? [];
    assert.ok(lines.length >= 1 && lines.length < 10, text.slice(0, 500));
  });
});

/** What the tree's setup unit runs in the container. */
async function unitCommand(): Promise<readonly string[]> {
  const unit = await readFile(join(PSI_TREE, 'quadlet/psi-infisical-setup.service'), 'utf8');
  const [, words = ''] = /^ExecStart=podman exec psi psi (.*)$/m.exec(unit) ?? [];
  return words.split(' ');
}

describe('the setup unit', () => {
  // F19, F5
  test('ends when nothing is missing that a drop-in names, and the rest goes on in the service', async (t) => {
    const it = await stage(t, { folders: { '/app': { FIRST: 'x' } } });
    await it.registered();
    for (const key of KEYS) it.set('/app', key, 'x');
    slowly(it, 100);
    const { text, code } = await client(it, await unitCommand()).ended;
    assert.ok(it.podman.writes.length < COUNT, `it waited for all of them: ${text.slice(0, 300)}`);
    assert.equal(code, 0, text);
    slowly(it, 0);
    const until = Date.now() + 30_000;
    while ((await it.targets()).length <= COUNT) {
      assert.ok(Date.now() < until, 'nobody did the rest');
      await pause(50);
    }
  });
});
