// A setup that the service is asked for by a program: its report, without what it was at meanwhile.

import { PsiError } from '../../core/error.ts';
import type { SetupEvent, SetupReport } from '../../registration/setup-events.ts';
import type { ControlClient } from './client.ts';

export async function wholeSetup(client: Pick<ControlClient, 'stream'>): Promise<SetupReport> {
  for await (const line of client.stream('/setup', {})) {
    const event = line as SetupEvent;
    if (event.event === 'done') return event.report;
    if (event.event !== 'error') continue;
    const { code, message, hint } = event.failure;
    throw new PsiError(code, message, hint === null ? {} : { hint });
  }
  throw new PsiError('SERVICE_DOWN', 'the service ended its setup without a report', {
    hint: 'see `journalctl -u psi`',
  });
}
