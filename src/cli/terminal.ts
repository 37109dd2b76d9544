// What a person sees: data on stdout, `error:` and `hint:` lines on stderr, colour and progress only on a terminal.

import { styleText } from 'node:util';
import type { PsiError } from '../core/error.ts';
import { exitCode } from '../core/exit.ts';

export type Style = Parameters<typeof styleText>[0];

export type Terminal = {
  readonly out: (line: string) => void;
  readonly error: (line: string) => void;
  /** A line that the next one overwrites; nothing where stderr is no terminal. Empty text clears it. */
  readonly progress: (text: string) => void;
  readonly paint: (style: Style, text: string) => string;
};

export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  const clear = (): void => {
    if (stderr.isTTY) stderr.write('\r\u001b[K');
  };
  return {
    out: (line) => {
      clear();
      stdout.write(`${line}\n`);
    },
    error: (line) => {
      clear();
      stderr.write(`${line}\n`);
    },
    progress: (text) => {
      clear();
      if (stderr.isTTY && text !== '') stderr.write(text.slice(0, Math.max(10, stderr.columns - 1)));
    },
    // styleText leaves colour out by itself where stdout is no terminal or NO_COLOR is set.
    paint: (style, text) => styleText(style, text, { stream: stdout }),
  };
}

/** Prints an error the one way PSI does, and returns the exit status that goes with it. */
export function reportError(terminal: Terminal, error: PsiError): number {
  terminal.progress('');
  terminal.error(`error: ${error.message}`);
  if (error.hint !== undefined) terminal.error(`hint: ${error.hint}`);
  if (error.code === 'INTERNAL' && error.cause instanceof Error)
    terminal.error(error.cause.stack ?? error.cause.message);
  return exitCode(error.code);
}
