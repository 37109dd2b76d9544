// `psi install`: what has to be there on the host before the service starts: folders with their modes, the header file, the lookup helper, and
// containers.conf.d/psi.conf if asked. Nothing that is in place is touched.

import { DEFAULT_DRIVER_NOTES, defaultDriverText, driverNote, isPsiDefaultDriver } from './default-driver.ts';
import { PsiError } from '../core/error.ts';
import { folderOf } from './layout.ts';
import type { HostLayout } from './layout.ts';
import type { DriverOptions } from '../registration/registered-secret.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { HeaderFile } from '../registration/driver-command/header-file.ts';
import type { HelperReport } from './helper/place.ts';
import type { HostFiles } from './host-files.ts';
import { notWrittenByPsi, writeOwnFile } from './change.ts';
import type { HostChange, PlannedFile } from './change.ts';
import { userCredentialNotes } from './user-credentials.ts';

export type InstallDeps = {
  readonly files: HostFiles;
  readonly headerFile: HeaderFile;
  readonly headerFilePath: string;
  readonly layout: HostLayout;
  /** The number of systemd's release; undefined: it could not be asked. */
  readonly systemdVersion: () => Promise<number | undefined>;
  /** Undefined: the socket asks for none, and no header file is written. */
  readonly token: (() => Promise<SecretValue>) | undefined;
  readonly driverOptions: DriverOptions;
  /** Whose commands are the default secret driver, if they are not PSI's. */
  readonly foreignDriver: () => Promise<PsiError | undefined>;
  readonly placeHelper: (wish: { readonly wanted: boolean; readonly write: boolean }) => Promise<HelperReport>;
};

export type InstallOptions = {
  readonly defaultDriver: boolean;
  /** False: lookups go by curl alone, and a helper that is there is taken away. */
  readonly helper: boolean;
  /** Say what would be there and write nothing. */
  readonly stdout: boolean;
};

export type InstallReport = {
  /** Empty with `stdout`. */
  readonly changes: readonly HostChange[];
  /** The folders and files it is about, without the header file's content. */
  readonly folders: readonly { readonly path: string; readonly mode: number }[];
  readonly files: readonly PlannedFile[];
  readonly headerFilePath: string | undefined;
  readonly helper: HelperReport;
  /** To be shown to the operator. */
  readonly notes: readonly string[];
};

export async function install(deps: InstallDeps, options: InstallOptions): Promise<InstallReport> {
  const { layout } = deps;
  const folders = [
    { path: layout.stateDir, mode: 0o700 },
    { path: folderOf(layout.socket), mode: 0o700 },
    { path: folderOf(layout.configFile), mode: 0o755 },
    { path: layout.systemdDir, mode: 0o755 },
  ];
  const conf = {
    path: `${layout.containersConfDir}/psi.conf`,
    mode: 0o644,
    text: defaultDriverText(deps.driverOptions),
  };
  const foreign = await deps.foreignDriver();
  if (options.defaultDriver && !options.stdout) await refuseBeside(deps, conf, foreign);
  const plan = {
    folders,
    files: options.defaultDriver ? [conf] : [],
    headerFilePath: deps.token === undefined ? undefined : deps.headerFilePath,
    notes: [
      ...(options.defaultDriver ? DEFAULT_DRIVER_NOTES : []),
      ...(foreign ? [driverNote(foreign)] : []),
      ...(await userCredentialNotes(layout, deps.systemdVersion)),
    ],
  };
  // Where nothing is written, the token is not read: a credential that only the service has need not be there.
  const changes = options.stdout ? [] : await apply(deps, plan);
  const helper = await deps.placeHelper({ wanted: options.helper, write: !options.stdout });
  return { ...plan, changes, helper };
}

/** Two cannot be the default: before anything is written. */
async function refuseBeside({ files }: InstallDeps, conf: PlannedFile, foreign: PsiError | undefined): Promise<void> {
  if (foreign) throw new PsiError('CONFLICT', foreign.message, { hint: foreign.hint ?? '' });
  const found = await files.read(conf.path);
  if (found !== undefined && !isPsiDefaultDriver(found)) throw notWrittenByPsi(conf.path);
}

async function apply(
  deps: InstallDeps,
  plan: Omit<InstallReport, 'changes' | 'helper'>,
): Promise<readonly HostChange[]> {
  const changes: HostChange[] = [];
  for (const { path, mode } of plan.folders) changes.push({ path, change: await deps.files.folder(path, mode) });
  if (deps.token !== undefined) changes.push(await writeHeader(deps, await deps.token()));
  for (const file of plan.files) changes.push(await writeOwnFile(deps.files, file, isPsiDefaultDriver));
  return changes;
}

async function writeHeader({ headerFile, headerFilePath }: InstallDeps, token: SecretValue): Promise<HostChange> {
  const unchanged = await headerFile.holds(token);
  if (!unchanged) await headerFile.write(token);
  return { path: headerFilePath, change: unchanged ? 'unchanged' : 'written' };
}
