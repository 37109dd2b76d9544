// What of the Python PSI is on this host.

import { isPsiDefaultDriver } from '../host/default-driver.ts';
import { folderOf } from '../host/layout.ts';
import type { SecretRegistry } from '../registration/secret-registry.ts';
import type { Translated } from './config/translate.ts';
import { MARKER_FILE, markerOf, type Marker } from './marker.ts';
import { oldConfig } from './old-config.ts';
import { oldDropIns, type FoundDropIns } from './old-drop-ins.ts';
import type { OldPlaces } from './old-places.ts';
import { isOldDefaultDriver, isRefused, oldCommands, oldMapping, providerOf, type OldSecret } from './old-secrets.ts';
import { oldState, type OldState, type StateDeps } from './old-state.ts';
import { oldUnits, type OldUnits } from './old-units.ts';
import { mapOf, type Plain } from './plain.ts';
import { Remarks } from './remarks.ts';
import type { Step } from './steps.ts';

export type LookDeps = StateDeps & {
  readonly places: OldPlaces;
  readonly registry: Pick<SecretRegistry, 'list'>;
  /** Who answers on the driver's path; `old`: the Python PSI. */
  readonly answering: () => Promise<Answering>;
  /** Those that run, and that systemd stops with a unit. Failure: HOST. */
  readonly dependents: (unit: string) => Promise<readonly string[]>;
  readonly readConfig: (path: string, text: string) => unknown;
};

export type Answering = 'psi' | 'old' | 'nobody';

export type Facts = Pick<Remarks, 'notes' | 'refusals'> & {
  readonly places: OldPlaces;
  readonly marker: Marker | undefined;
  readonly mode: Marker['mode'];
  readonly units: OldUnits;
  /** Undefined: there is none, or it is this psi's. */
  readonly config: { readonly text: string; readonly translated: Translated } | undefined;
  /** The config as this psi takes it, be it written or not. */
  readonly settings: Plain;
  /** Of quadlets and drop-ins, by that config. */
  readonly systemdDir: string;
  /** What has to be there before the config says so. */
  readonly carried: readonly Step[];
  readonly defaultDriver: 'old' | 'foreign' | undefined;
  readonly dropIns: FoundDropIns;
  readonly secrets: readonly OldSecret[];
  readonly state: OldState;
  readonly answering: Answering;
  /** Units of others that run, and that the end of the old server stops. */
  readonly dependents: readonly string[];
};

/** First line of a config that a migration wrote. */
export const CONFIG_MARK = 'Written by psi migrate, from what the Python PSI read.';

export async function look(deps: LookDeps): Promise<Facts> {
  const { places, tree } = deps;
  const text = await tree.read(places.configFile);
  const old = text === undefined || text.startsWith(`# ${CONFIG_MARK}`) ? undefined : text;
  const file = old === undefined ? undefined : deps.readConfig(places.configFile, old);
  const markerFile = `${folderOf(places.configFile)}/${MARKER_FILE}`;
  const marker = markerOf(markerFile, await tree.read(markerFile));
  const folders = foldersOf(places, file);
  const units = await oldUnits(tree, {
    unitDir: places.unitDir,
    quadletDirs: [places.systemdDir, ...folders.systemdDirs],
  });
  const mode = marker?.mode ?? modeOf(units);
  const remarks = new Remarks();
  const config = await oldConfig(deps, { file, text: old, units, mode }, remarks);
  const settings = mapOf(
    config?.translated.config ?? (text === undefined ? {} : deps.readConfig(places.configFile, text)),
  );
  const stateDir = stringOf(settings['state_dir']) ?? places.stateDir;
  const systemdDir = stringOf(settings['systemd_dir']) ?? places.systemdDir;
  const cache = stringOf(mapOf(settings['cache'])['path']) ?? `${stateDir}/cache.enc`;
  return {
    ...{ places, marker, mode, units, settings, systemdDir, notes: remarks.notes, refusals: remarks.refusals },
    config: old === undefined || config === undefined ? undefined : { text: old, translated: config.translated },
    carried: config?.carried ?? [],
    defaultDriver: driverOf(await tree.read(places.defaultDriver)),
    dropIns: await oldDropIns(tree, systemdDir),
    secrets: await secretsOf(deps, stateDir, config?.token),
    state: await oldState(deps, stateDir, cache),
    answering: await deps.answering(),
    dependents: await dependentsOf(deps, units),
  };
}

/** Of the old server, but for what is the Python PSI's own. */
async function dependentsOf({ dependents }: LookDeps, { units }: OldUnits): Promise<readonly string[]> {
  const own = new Set(units.map(({ unit }) => unit));
  const servers = units.filter(({ role }) => role === 'server');
  const found = await Promise.all(servers.map(({ unit }) => dependents(unit)));
  return found.flat().filter((unit) => !own.has(unit));
}

/** Timers, and what refreshes, are plain units in either. */
function modeOf({ units }: OldUnits): Marker['mode'] {
  const made = units.filter(({ role }) => role === 'server' || role === 'job').map((unit) => unit.made);
  return made.includes('container') ? 'container' : made[0];
}

/** Units stand where its config says too. */
function foldersOf(places: OldPlaces, file: unknown): { readonly systemdDirs: readonly string[] } {
  const named = stringOf(mapOf(file)['systemd_dir']);
  return { systemdDirs: named?.startsWith('/') === true && named !== places.systemdDir ? [named] : [] };
}

function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function driverOf(text: string | undefined): Facts['defaultDriver'] {
  if (text === undefined || isPsiDefaultDriver(text)) return undefined;
  return isOldDefaultDriver(text) ? 'old' : 'foreign';
}

/** Ids are those that Podman lists: the state folder has files of other kinds, and of secrets that are gone. */
async function secretsOf(
  { registry, tree }: LookDeps,
  stateDir: string,
  token: string | undefined,
): Promise<readonly OldSecret[]> {
  const found: OldSecret[] = [];
  for (const secret of await registry.list()) {
    const commands = oldCommands(secret);
    if (commands === undefined || !/^[A-Za-z0-9]+$/.test(secret.id)) continue;
    const text = await tree.read(`${stateDir}/${secret.id}`);
    const [mapping, provider] = [oldMapping(text), providerOf(text)];
    found.push({ secret, commands, mapping, provider, refused: commands === 'serve' && isRefused(secret, token) });
  }
  return found;
}
