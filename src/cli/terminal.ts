// What a person sees: data on stdout, `error:` and `hint:` lines on stderr, colour and progress only on a terminal. Names and words come
// from a server, from Podman, from files: every line is made safe here, and nowhere else.

import { styleText } from 'node:util';
import { lineText, type Line, type Style } from '../core/text/line.ts';
import { spoken } from '../core/text/user-hints.ts';
import { visible } from '../core/text/visible.ts';

/** Where text goes as it is; each line gets its end there. */
export type Output = {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** A line that the next one overwrites; nothing where stderr is no terminal. Empty text clears it. */
  readonly progress: (text: string) => void;
  /** Is stderr a terminal, where `progress` shows something? Default: it is none. */
  readonly rewrites?: boolean;
  /** Colour where the stream is a terminal that wants it. */
  readonly paint: (stream: 'out' | 'error', style: Style, text: string) => string;
};

/** What went wrong: a PsiError, a Failure, or one line of a report. */
export type Problem = { readonly message: string; readonly hint?: string | null | undefined };

export type ProblemWords = {
  /** Whom it concerns: a workload, a key, a certificate. */
  readonly subject?: string | null;
  /** `error` unless somebody has a better one, such as `refused`. */
  readonly word?: string;
  /** What the failed program said, line by line. */
  readonly said?: readonly string[];
};

export type Terminal = {
  /** One line on stdout. */
  readonly out: (line: Line) => void;
  /** One line on stderr. */
  readonly error: (line: Line) => void;
  readonly progress: (text: string) => void;
  /** Does anybody see what `progress` shows? */
  readonly rewrites: boolean;
  /** What a program reads back, on stdout byte for byte: variables, JSON, a script. */
  readonly data: (text: string) => void;
  /** The one way to print what went wrong: on stderr, with its hint below it. */
  readonly fail: (problem: Problem, words?: ProblemWords) => void;
  /** Something to look at although all went well, on stderr. */
  readonly note: (text: string) => void;
  /** A line that belongs to the data, with what to do about it. */
  readonly tell: (line: Line, hint: string | null) => void;
};

export function terminalOf(output: Output): Terminal {
  const out = (line: Line): void => {
    output.out(lineText(line, (style, text) => output.paint('out', style, text)));
  };
  const error = (line: Line): void => {
    output.error(lineText(line, (style, text) => output.paint('error', style, text)));
  };
  return {
    out,
    error,
    data: output.out,
    rewrites: output.rewrites === true,
    progress: (text) => {
      output.progress(visible(text));
    },
    fail: (problem, words = {}) => {
      for (const line of problemLines(problem, words)) error(line);
    },
    note: (text) => {
      error(`note: ${text}`);
    },
    tell: (line, hint) => {
      out(line);
      if (hint !== null) out(hintLine(hint));
    },
  };
}

export function hintLine(hint: string): string {
  return `hint: ${spoken(hint)}`;
}

function problemLines(
  { message, hint }: Problem,
  { subject, word = 'error', said = [] }: ProblemWords,
): readonly string[] {
  return [
    `${word}: ${subject === undefined || subject === null ? '' : `${subject}: `}${message}`,
    ...said.map((line) => `  ${line}`),
    ...(hint === undefined || hint === null ? [] : [hintLine(hint)]),
  ];
}

export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  let drawn = false;
  const clear = (): void => {
    if (drawn) stderr.write('\r\u001b[K');
    drawn = false;
  };
  return terminalOf({
    rewrites: stderr.isTTY,
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
      drawn = stderr.isTTY && text !== '';
      if (drawn) stderr.write(text.slice(0, Math.max(10, stderr.columns - 1)));
    },
    // styleText leaves colour out by itself where the stream is no terminal or NO_COLOR is set.
    paint: (stream, style, text) => styleText(style, text, { stream: stream === 'out' ? stdout : stderr }),
  });
}
