// What a command of psi printed with `--json`.

/** The `result` in the envelope. A command that has none failed, and its failure is the message. */
export function answerOf(stdout: string): unknown {
  const { command, result, failure } = JSON.parse(stdout) as {
    readonly command: string;
    readonly result: unknown;
    readonly failure: { readonly message: string } | null;
  };
  if (failure !== null) throw new Error(`psi ${command}: ${failure.message}`);
  return result;
}
