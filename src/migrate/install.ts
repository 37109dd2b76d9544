// What installing this psi, and its setup, have to say to somebody who migrates.

import type { WithHostCommand } from '../host/command/put.ts';
import type { InstallReport } from '../host/install.ts';
import type { SystemdInstallReport } from '../host/systemd-install.ts';
import type { SetupReport } from '../registration/setup-events.ts';
import type { Remark } from './remarks.ts';
import type { Tell } from './steps.ts';

export type MigrateOptions = {
  /** Otherwise the plan alone. */
  readonly apply: boolean;
  readonly image: string | undefined;
  readonly unprivileged: boolean | undefined;
  readonly tell: Tell;
};

/** `left`: what could not be put where it belongs. */
export type Said = { readonly left: readonly Remark[]; readonly notes: readonly Remark[] };

export const NOTHING_SAID: Said = { left: [], notes: [] };

/** Fails where systemd did not read the units. */
export function installed(first: WithHostCommand<InstallReport>, units: WithHostCommand<SystemdInstallReport>): Said {
  if (units.reloadError !== undefined) throw units.reloadError;
  const left = [...first.hostCommand.left, ...first.helper.left, ...units.hostCommand.left];
  const notes = [...first.notes, ...first.helper.notes, ...units.notes];
  return {
    left: left.filter(({ subject }, index) => left.findIndex((other) => other.subject === subject) === index),
    notes: [...new Set(notes)].map((reason) => ({ subject: 'psi', reason, hint: undefined })),
  };
}

/** Of a setup: what it could not register, and did not dare to write over. */
export function leftBySetup({ failures, refused, problems, left }: SetupReport): readonly Remark[] {
  return [
    ...failures.map(({ workload, message, hint }) => remark(workload ?? 'setup', message, hint)),
    ...problems.map(({ name, reason, hint }) => remark(name, reason, hint)),
    ...refused.map(({ workload, key, reason, hint }) => remark(`${workload}--${key}`, reason, hint)),
    ...left.map(({ unit, reason, hint }) => remark(unit, reason, hint)),
  ];
}

function remark(subject: string, reason: string, hint: string | null): Remark {
  return { subject, reason, hint: hint ?? undefined };
}
