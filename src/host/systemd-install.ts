// `psi systemd install`: the units PSI runs under, rendered from the config, written only where they differ.

import { DEFAULT_IMAGE, imageOf, isUnprivileged } from './units/container.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import { providerUnit, type HostLayout } from './layout.ts';
import { missingCredentials } from './missing-credentials.ts';
import { hostUnits } from './units/service.ts';
import type { HostUnit } from './units/service.ts';
import { isPsiUnit } from './units/unit-file.ts';
import { driverNote } from './default-driver.ts';
import { foreignUnits, type ForeignDeps } from './foreign-units.ts';
import type { HostFiles } from './host-files.ts';
import type { UnitManager } from '../registration/unit-manager.ts';
import { writeOwnFile } from './change.ts';
import type { HostChange } from './change.ts';
import { userCredentialNotes } from './user-credentials.ts';

export type SystemdInstallDeps = Omit<ForeignDeps, 'files' | 'unitManager'> & {
  readonly files: HostFiles;
  readonly unitManager: UnitManager;
  /** The number of its release; undefined: it could not be asked. */
  readonly systemdVersion: () => Promise<number | undefined>;
  /** Whose commands are the default secret driver, if they are not PSI's. */
  readonly foreignDriver: () => Promise<PsiError | undefined>;
};

export type SystemdInstallOptions = {
  /** Undefined: the image of the psi.container that is already there, else the default one. */
  readonly image: string | undefined;
  /** Undefined: as the psi.container is that is already there, else with --privileged. */
  readonly unprivileged: boolean | undefined;
  readonly enable: boolean;
  /** False: only where it is already there. */
  readonly pcscd: boolean;
};

export type SystemdInstallReport = {
  readonly changes: readonly HostChange[];
  readonly image: string;
  readonly unprivileged: boolean;
  /** `kept`: nobody asked for either, and they are those of the unit that is there; `changed`: they are not. */
  readonly rights: 'asked' | 'kept' | 'changed';
  /** `failed`: the files are in place, but systemd has not read them. */
  readonly reload: 'done' | 'left out' | 'failed';
  readonly reloadError: PsiError | undefined;
  /** What of others applies to these units, or to Podman's secrets, what the units are to load and is not there, and what this systemd cannot do. */
  readonly notes: readonly string[];
  /** Commands to run next; empty if all is done. */
  readonly next: readonly string[];
};

export async function systemdInstall(
  deps: SystemdInstallDeps,
  options: SystemdInstallOptions,
): Promise<SystemdInstallReport> {
  const { files, layout } = deps;
  const installed = await ownUnit(deps, 'psi.container');
  const pcscd = options.pcscd || (await ownUnit(deps, 'pcscd.container')) !== undefined;
  const image = options.image ?? (installed === undefined ? undefined : imageOf(installed)) ?? DEFAULT_IMAGE;
  const before = installed === undefined ? undefined : isUnprivileged(installed);
  const unprivileged = options.unprivileged ?? before ?? false;
  const units = hostUnits(layout, { image, unprivileged, pcscd });
  const foreign = await foreignUnits(deps, units);
  const driver = await deps.foreignDriver();
  if (foreign.error) throw driver ? both(foreign.error, driver) : foreign.error;
  const changes: HostChange[] = [];
  for (const unit of units) {
    const path = pathOf(layout, unit.name, unit.kind);
    changes.push(await writeOwnFile(files, { path, mode: 0o644, text: unit.text }, isPsiUnit));
  }
  if (options.enable) changes.push(...(await enable(deps, units)));
  const reloadError = options.enable ? await reload(deps.unitManager) : undefined;
  return {
    changes,
    image,
    unprivileged,
    rights:
      before === undefined || before === options.unprivileged ? 'asked' : before === unprivileged ? 'kept' : 'changed',
    reload: !options.enable ? 'left out' : reloadError === undefined ? 'done' : 'failed',
    reloadError,
    notes: [
      ...foreign.notes,
      ...(driver ? [driverNote(driver)] : []),
      ...(await missingCredentials(files, layout)),
      ...(await userCredentialNotes(layout, deps.systemdVersion)),
    ],
    next: nextCommands(layout, changes, options.enable && reloadError === undefined),
  };
}

/** Told at once: the remedy of the one does not show the other. */
function both({ code, message, hint = '' }: PsiError, driver: PsiError): PsiError {
  return new PsiError(code, `${message}; ${driver.message}`, { hint: `${hint}; ${driver.hint ?? ''}` });
}

/** One that is there, if PSI wrote it. */
async function ownUnit({ files, layout }: SystemdInstallDeps, name: string): Promise<string | undefined> {
  const text = await files.read(pathOf(layout, name, 'quadlet'));
  return text !== undefined && isPsiUnit(text) ? text : undefined;
}

/** The links that `systemctl enable` makes; there may be no systemctl where this runs (the image has none). */
async function enable(
  { files, layout }: SystemdInstallDeps,
  units: readonly HostUnit[],
): Promise<readonly HostChange[]> {
  const changes: HostChange[] = [];
  for (const { name, kind, wantedBy } of units) {
    if (wantedBy === undefined) continue;
    const path = `${layout.unitDir}/${wantedBy}.wants/${name}`;
    changes.push({ path, change: await files.link(path, pathOf(layout, name, kind)) });
  }
  return changes;
}

/** Always asked for with --enable: an earlier run may have written the files and failed here. */
async function reload(unitManager: UnitManager): Promise<PsiError | undefined> {
  try {
    await unitManager.reload();
    return undefined;
  } catch (error) {
    return toPsiError(error);
  }
}

function nextCommands(layout: HostLayout, changes: readonly HostChange[], loaded: boolean): readonly string[] {
  const systemctl = layout.scope === 'system' ? 'systemctl' : 'systemctl --user';
  const changed = (name: string, change: HostChange['change']): boolean =>
    changes.some((one) => one.path.endsWith(`/${name}`) && one.change === change);
  const commands = loaded ? [] : [`${systemctl} daemon-reload`];
  const timer = [
    ...(layout.cache ? [`${systemctl} start ${providerUnit(layout, 'refresh.timer')}`] : []),
    ...(layout.tls ? [`${systemctl} start psi-tls-renew.timer`] : []),
  ];
  if (changed('psi.container', 'created')) {
    // Without it a user's units stop at logout and do not start at boot.
    if (layout.scope === 'user') commands.unshift('loginctl enable-linger');
    return [...commands, `${systemctl} start psi.socket ${providerUnit(layout, 'setup.service')}`, ...timer];
  }
  if (changed('psi.socket', 'written')) return [...commands, `${systemctl} restart psi.socket`];
  if (changed('psi.container', 'written')) return [...commands, `${systemctl} restart psi.service`, ...timer];
  return changes.some(({ change }) => change !== 'unchanged') ? commands : [];
}

function pathOf(layout: HostLayout, name: string, kind: HostUnit['kind']): string {
  return `${kind === 'quadlet' ? layout.systemdDir : layout.unitDir}/${name}`;
}
