// What `psi setup --json` printed in the container of psi.service: its report, or why there is none.

import { ERROR_CODES, PsiError } from '../core/error.ts';
import type { SetupReport } from '../registration/setup-events.ts';
import { isRecord, mapOf, type Plain } from './plain.ts';

export type SetupRan = { readonly exit: number; readonly stdout: string; readonly stderr: string };

/** One line of it is in a message. */
const LONGEST_WORDS = 300;

export function setupReport({ exit, stdout, stderr }: SetupRan): SetupReport {
  const { result, failure } = envelopeOf(stdout);
  if (isRecord(result)) return result as SetupReport;
  if (isRecord(failure)) throw failed(failure);
  const words = stderr.trim().split('\n').at(-1)?.slice(0, LONGEST_WORDS) ?? '';
  throw new PsiError(
    'SERVICE_DOWN',
    `psi setup ended with ${String(exit)} and without a report: ${words || 'it said nothing'}`,
    {
      hint: 'see `journalctl -u psi.service`',
    },
  );
}

function envelopeOf(stdout: string): Plain {
  try {
    return mapOf(JSON.parse(stdout));
  } catch {
    return {};
  }
}

function failed({ code, message, hint }: Plain): PsiError {
  const known = ERROR_CODES.find((one) => one === code) ?? 'HOST';
  return new PsiError(known, String(message), typeof hint === 'string' ? { hint } : {});
}
