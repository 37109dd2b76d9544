// A terminal that keeps what is printed, line by line.
import { terminalOf, type Terminal } from '../../src/cli/terminal.ts';

export type FakeTerminal = { readonly terminal: Terminal; readonly out: string[]; readonly errors: string[] };

export function fakeTerminal(): FakeTerminal {
  const [out, errors]: [string[], string[]] = [[], []];
  const terminal = terminalOf({
    out: (line) => out.push(line),
    error: (line) => errors.push(line),
    progress: () => undefined,
    paint: (_stream, _style, text) => text,
  });
  return { terminal, out, errors };
}
