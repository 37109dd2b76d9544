import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Progress } from '../../../src/cli/progress.ts';
import { terminalOf } from '../../../src/cli/terminal.ts';

function stage(options: { readonly rewrites: boolean; readonly quiet?: boolean }) {
  const [drawn, lines]: [string[], string[]] = [[], []];
  const at = { ms: 1_000 };
  let tick = (): void => undefined;
  const terminal = terminalOf({
    out: () => undefined,
    error: (line) => lines.push(line),
    progress: (text) => drawn.push(text),
    rewrites: options.rewrites,
    paint: (_stream, _style, text) => text,
  });
  const progress = new Progress({
    terminal,
    quiet: options.quiet ?? false,
    now: () => at.ms,
    every: (_ms, work) => {
      tick = work;
      return () => {
        tick = () => undefined;
      };
    },
  });
  const pass = (ms: number): void => {
    at.ms += ms;
    tick();
  };
  return { progress, drawn, lines, pass };
}

test('on a terminal the line is drawn anew with the time, and cleared at the end', () => {
  const { progress, drawn, lines, pass } = stage({ rewrites: true });
  progress.show('app (1/3): 12/200');
  pass(1_000);
  pass(124_000);
  progress.end();
  pass(1_000);
  const text = 'app (1/3): 12/200';
  assert.deepEqual(drawn, [`[0 s] ${text}`, `[1 s] ${text}`, `[2 min 5 s] ${text}`, '']);
  assert.deepEqual(lines, []);
});

test('elsewhere a quick command has no line, and a long one a line each five seconds where something moved', () => {
  const { progress, drawn, lines, pass } = stage({ rewrites: false });
  progress.show('app (1/3): 1/200');
  pass(4_000);
  assert.deepEqual(lines, []);
  progress.show('app (1/3): 50/200');
  pass(1_000);
  pass(60_000);
  progress.show('web (2/3): 1/10');
  progress.show('web (2/3): 2/10');
  progress.end();
  assert.deepEqual(lines, ['[5 s] app (1/3): 50/200', '[1 min 5 s] web (2/3): 1/10']);
  assert.deepEqual(drawn, ['']);
});

test('with --json nothing is shown, and what it is at is known all the same', () => {
  for (const rewrites of [true, false]) {
    const { progress, drawn, lines, pass } = stage({ rewrites, quiet: true });
    progress.show('app (1/3): 1/200');
    pass(60_000);
    assert.equal(progress.text, 'app (1/3): 1/200');
    assert.deepEqual([drawn, lines], [[], []]);
  }
});
