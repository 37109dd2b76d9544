// The output of a command that prints a token: no shell, bounded in time and size. What it prints is secret, on both streams.

import { execFile } from 'node:child_process';
import { PsiError } from '../../core/error.ts';
import { SecretValue } from '../../core/secret-value.ts';

export type CommandLimits = { readonly timeoutMs: number; readonly maxBytes: number };

const LIMITS: CommandLimits = { timeoutMs: 5_000, maxBytes: 64 * 1024 };

/** `env` is all the command gets. One line end at the end of the output is dropped, as of a file. */
export function runTokenCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  limits: CommandLimits = LIMITS,
): Promise<SecretValue> {
  const [program = '', ...args] = argv;
  const { timeoutMs, maxBytes } = limits;
  return new Promise((resolve, reject) => {
    const options = { env: { ...env }, timeout: timeoutMs, maxBuffer: maxBytes, killSignal: 'SIGKILL' } as const;
    const child = execFile(program, args, { ...options, encoding: 'utf8' }, (failure, stdout) => {
      // Not as a cause: the error of a failed command holds what it printed.
      if (failure) reject(commandFailure(program, failure, limits));
      else if (stdout.trim() === '') reject(refusal(program, 'printed nothing', CHECK));
      else resolve(SecretValue.fromText(stdout.replace(/\r?\n$/, '')));
    });
    // It is asked for nothing; one that reads would otherwise wait until the time is up.
    child.stdin?.end();
  });
}

type Failure = Error & { readonly code?: unknown; readonly killed?: boolean; readonly signal?: unknown };

const CHECK = 'run it by hand in the container: `podman exec psi COMMAND` must print the token and nothing else';

function commandFailure(program: string, { code, killed, signal }: Failure, limits: CommandLimits): PsiError {
  if (code === 'ENOENT') {
    return refusal(
      program,
      'does not exist',
      "it runs inside psi's container: mount it there, with all that it needs, and give its full path",
    );
  }
  if (code === 'EACCES') return refusal(program, 'may not be run', 'it needs mode 0755, on a mount without noexec');
  if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') {
    return refusal(program, `printed more than ${String(limits.maxBytes)} bytes`, CHECK);
  }
  if (killed) {
    return new PsiError(
      'DEADLINE',
      `the command ${program} for the token took longer than ${String(limits.timeoutMs / 1000)} s`,
      { hint: CHECK, retry: 'later' },
    );
  }
  const how = typeof signal === 'string' ? `was ended by ${signal}` : `failed with status ${String(code)}`;
  return refusal(program, how, CHECK);
}

function refusal(program: string, what: string, hint: string): PsiError {
  return new PsiError('CONFIG_INVALID', `the command ${program} for the token ${what}`, { hint });
}
