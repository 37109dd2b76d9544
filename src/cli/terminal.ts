// What a person sees: data on stdout, `error:` and `hint:` lines on stderr, colour and progress only on a terminal.

import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

/** Where lines go. */
export type Output = {
  readonly out: (line: string) => void;
  readonly error: (line: string) => void;
  /** A line that the next one overwrites; nothing where stderr is no terminal. Empty text clears it. */
  readonly progress: (text: string) => void;
  readonly paint: (style: Style, text: string) => string;
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

export type Terminal = Output & {
  /** The one way to print what went wrong: on stderr, with its hint below it. */
  readonly fail: (problem: Problem, words?: ProblemWords) => void;
  /** Something to look at although all went well, on stderr. */
  readonly note: (text: string) => void;
  /** A line that belongs to the data, with what to do about it. */
  readonly tell: (line: string, hint: string | null) => void;
};

export function terminalOf(output: Output): Terminal {
  const { out, error } = output;
  return {
    ...output,
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
  return `hint: ${hint}`;
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
  const clear = (): void => {
    if (stderr.isTTY) stderr.write('\r\u001b[K');
  };
  return terminalOf({
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
  });
}
