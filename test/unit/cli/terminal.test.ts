import assert from 'node:assert/strict';
import { test } from 'node:test';
import { painted } from '../../../src/core/text/line.ts';
import { terminalOf } from '../../../src/cli/terminal.ts';

const HOSTILE = 'x\u001b]0;title\u0007\u202ey\u2028z\nerror: forged';
const SHOWN = 'x\\u001b]0;title\\u0007\\u202ey\\u2028z\\nerror: forged';

function stage() {
  const printed: string[] = [];
  const to =
    (stream: string) =>
    (text: string): void => {
      printed.push(`${stream} ${text}`);
    };
  const terminal = terminalOf({
    out: to('out'),
    error: to('error'),
    progress: to('progress'),
    paint: (stream, style, text) => `<${stream} ${style}>${text}</>`,
  });
  return { printed, terminal };
}

test('every line for people is one line, and shows what a server put into it', () => {
  const { printed, terminal } = stage();
  terminal.out(HOSTILE);
  terminal.error([painted('red', HOSTILE), HOSTILE]);
  terminal.progress(HOSTILE);
  terminal.note(HOSTILE);
  terminal.tell([painted('green', 'a'), HOSTILE], HOSTILE);
  terminal.fail({ message: HOSTILE, hint: HOSTILE }, { subject: HOSTILE, word: 'refused', said: [HOSTILE] });
  assert.deepEqual(printed, [
    `out ${SHOWN}`,
    `error <error red>${SHOWN}</>${SHOWN}`,
    `progress ${SHOWN}`,
    `error note: ${SHOWN}`,
    `out <out green>a</>${SHOWN}`,
    `out hint: ${SHOWN}`,
    `error refused: ${SHOWN}: ${SHOWN}`,
    `error   ${SHOWN}`,
    `error hint: ${SHOWN}`,
  ]);
});

test('data is byte for byte', () => {
  const { printed, terminal } = stage();
  terminal.data(HOSTILE);
  assert.deepEqual(printed, [`out ${HOSTILE}`]);
});
