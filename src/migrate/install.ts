// What installing this psi has to say to somebody who migrates.

import type { WithHostCommand } from '../host/command/put.ts';
import type { InstallReport } from '../host/install.ts';
import type { SystemdInstallReport } from '../host/systemd-install.ts';
import type { Remark } from './remarks.ts';

export type MigrateOptions = {
  /** Otherwise the plan alone. */
  readonly apply: boolean;
  readonly image: string | undefined;
  readonly unprivileged: boolean | undefined;
};

/** Fails where systemd did not read the units. */
export function installed(
  first: WithHostCommand<InstallReport>,
  units: WithHostCommand<SystemdInstallReport>,
): readonly Remark[] {
  if (units.reloadError !== undefined) throw units.reloadError;
  const left = [...first.hostCommand.left, ...first.helper.left, ...units.hostCommand.left];
  const notes = [...first.notes, ...first.helper.notes, ...units.notes];
  const said = [
    ...left.map(({ subject, reason, hint }) => ({ subject, reason, hint })),
    ...notes.map((reason) => ({ subject: 'psi', reason, hint: undefined })),
  ];
  return said.filter((one, index) => said.findIndex((other) => other.reason === one.reason) === index);
}
