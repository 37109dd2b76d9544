// What of the Python PSI is on this host.

import type { HostTree } from '../host/host-tree.ts';
import { isPsiDefaultDriver } from '../host/default-driver.ts';
import { folderOf } from '../host/layout.ts';
import type { SecretRegistry } from '../registration/secret-registry.ts';
import { translate, type Translated } from './config/translate.ts';
import { MARKER_FILE, markerOf, type Marker } from './marker.ts';
import { oldDropIns, type FoundDropIns } from './old-drop-ins.ts';
import { environmentFiles, oldEnvironment } from './old-environment.ts';
import type { OldPlaces } from './old-places.ts';
import { isOldDefaultDriver, isRefused, oldCommands, oldMapping, type OldSecret } from './old-secrets.ts';
import { oldUnits, type OldUnits } from './old-units.ts';
import { mapOf, type Plain } from './plain.ts';
import { Remarks } from './remarks.ts';
import type { Step } from './steps.ts';
import { carriedPin, carriedToken, knownToken } from './token.ts';

export type LookDeps = {
  readonly places: OldPlaces;
  readonly tree: Pick<HostTree, 'list' | 'read'>;
  /** The first bytes of a file, and how many it has; undefined: there is none. */
  readonly head: (
    path: string,
    bytes: number,
  ) => Promise<{ readonly start: Uint8Array; readonly size: number } | undefined>;
  readonly registry: Pick<SecretRegistry, 'list'>;
  /** Who answers on the driver's path; `old`: the Python PSI. */
  readonly answering: () => Promise<Answering>;
  readonly readConfig: (path: string, text: string) => unknown;
};

export type Answering = 'psi' | 'old' | 'nobody';

export type OldState = {
  /** Of its cache; undefined: none that it wrote. */
  readonly cache: { readonly path: string; readonly empty: boolean } | undefined;
  readonly tokens: readonly string[];
  /** Sealed by the host's key: a TPM has no part in it. */
  readonly keyOfHost: boolean;
};

export type Facts = Pick<Remarks, 'notes' | 'refusals'> & {
  readonly places: OldPlaces;
  readonly marker: Marker | undefined;
  readonly mode: Marker['mode'];
  readonly units: OldUnits;
  /** Undefined: there is none, or it is this psi's. */
  readonly config: { readonly text: string; readonly translated: Translated } | undefined;
  /** The config as this psi takes it, be it written or not. */
  readonly settings: Plain;
  /** What has to be there before the config says so. */
  readonly carried: readonly Step[];
  readonly defaultDriver: 'old' | 'foreign' | undefined;
  readonly dropIns: FoundDropIns;
  readonly secrets: readonly OldSecret[];
  readonly state: OldState;
  readonly answering: Answering;
};

/** First line of a config that a migration wrote. */
export const CONFIG_MARK = 'Written by psi migrate, from what the Python PSI read.';

export async function look(deps: LookDeps): Promise<Facts> {
  const { places, tree } = deps;
  const text = await tree.read(places.configFile);
  const old = text === undefined || text.startsWith(`# ${CONFIG_MARK}`) ? undefined : text;
  const file = old === undefined ? undefined : deps.readConfig(places.configFile, old);
  const marker = markerOf(await tree.read(`${folderOf(places.configFile)}/${MARKER_FILE}`));
  const folders = foldersOf(places, file);
  const units = await oldUnits(tree, {
    unitDir: places.unitDir,
    quadletDirs: [places.systemdDir, ...folders.systemdDirs],
  });
  const mode = marker?.mode ?? modeOf(units);
  const remarks = new Remarks();
  const config = await configOf(deps, { file, text: old, units, mode }, remarks);
  const settings = mapOf(
    config?.translated.config ?? (text === undefined ? {} : deps.readConfig(places.configFile, text)),
  );
  const stateDir = stringOf(settings['state_dir']) ?? places.stateDir;
  const cache = stringOf(mapOf(settings['cache'])['path']) ?? `${stateDir}/cache.enc`;
  return {
    ...{ places, marker, mode, units, settings, notes: remarks.notes, refusals: remarks.refusals },
    config: old === undefined || config === undefined ? undefined : { text: old, translated: config.translated },
    carried: config?.carried ?? [],
    defaultDriver: driverOf(await tree.read(places.defaultDriver)),
    dropIns: await oldDropIns(tree, stringOf(settings['systemd_dir']) ?? places.systemdDir),
    secrets: await secretsOf(deps, stateDir, config?.token),
    state: await stateOf(deps, stateDir, cache),
    answering: await deps.answering(),
  };
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

type Read = {
  readonly file: unknown;
  readonly text: string | undefined;
  readonly units: OldUnits;
  readonly mode: Marker['mode'];
};

type OldConfig = {
  readonly translated: Translated;
  readonly carried: readonly Step[];
  /** What its socket asks for, where that can be known. */
  readonly token: string | undefined;
};

async function configOf(
  { places, tree }: LookDeps,
  { file, text, units, mode }: Read,
  remarks: Remarks,
): Promise<OldConfig | undefined> {
  if (text === undefined) return undefined;
  const server = units.units.filter(({ role }) => role === 'server');
  const texts = server.flatMap((unit) => [unit.text, ...unit.dropIns.map((one) => one.text)]);
  const files = new Map<string, string>();
  for (const path of environmentFiles(texts)) files.set(path, (await tree.read(path)) ?? '');
  const env = oldEnvironment(texts, files);
  otherConfig(places.configFile, texts, env.variables, remarks);
  otherVariables(units, env.variables, remarks);
  const named = mapOf(file);
  const hsm = mapOf(mapOf(named['providers'])['nitrokeyhsm']);
  const token = carriedToken(env, Boolean(named['socket_token']), places, remarks);
  const usesPin = mapOf(named['cache'])['backend'] === 'hsm';
  const pin = usesPin ? carriedPin(env, Boolean(hsm['pin']), places, remarks) : { field: undefined, steps: [] };
  const translated = translate(file, {
    ...{ scope: places.scope, mode, env: env.variables },
    ...{ token: token.field, pin: pin.field },
  });
  const carried = [...token.steps, ...pin.steps];
  return { translated, carried, token: knownToken(env, named['socket_token']) };
}

/** That one alone says what it served. */
function otherConfig(
  path: string,
  texts: readonly string[],
  variables: ReadonlyMap<string, string>,
  remarks: Remarks,
): void {
  const flag = /^Exec(?:Start)?=.*\s(?:-c|--config)[ =](\S+)/m.exec(texts.join('\n'))?.[1];
  const named = flag ?? variables.get('PSI_CONFIG');
  if (named === undefined || named === path) return;
  remarks.refuse(path, `its unit has ${named} as its config`, `run \`psi --config ${named} migrate\``);
}

/** A setup may have been given others than the server: one config holds for both here. */
function otherVariables({ units }: OldUnits, served: ReadonlyMap<string, string>, remarks: Remarks): void {
  for (const { role, unit, text, dropIns } of units) {
    if (role !== 'job') continue;
    const { variables } = oldEnvironment([text, ...dropIns.map((one) => one.text)], new Map());
    for (const [name, value] of variables) {
      if (served.get(name) === value) continue;
      const hint = 'look at its drop-in, and write what has to hold into the config';
      remarks.note(unit, `it has a ${name} that psi-secrets.service has not: it is left out`, hint);
    }
  }
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
    const mapping = oldMapping(await tree.read(`${stateDir}/${secret.id}`));
    found.push({ secret, commands, mapping, refused: commands === 'serve' && isRefused(secret, token) });
  }
  return found;
}

/** `PSIC`, a version byte, and which backend: ours has two bytes of version there. */
const CACHE_STARTS = [
  [0x50, 0x53, 0x49, 0x43, 1, 1],
  [0x50, 0x53, 0x49, 0x43, 1, 2],
];
/** Of a cache with nothing in it, as `cache init` makes it. */
const EMPTY_CACHE = 142;
/** What systemd-creds puts before a credential that the host's key seals, in Base64. */
const SEALED_BY_HOST = 'Whxqht+dQJax1aZeCGLx';

async function stateOf({ tree, head, places }: LookDeps, stateDir: string, cache: string): Promise<OldState> {
  const found = await head(cache, 6);
  const old = CACHE_STARTS.some((start) => start.every((byte, index) => found?.start[index] === byte));
  const names = (await tree.list(stateDir)).map(({ name }) => name);
  const key = await tree.read(places.cacheKey);
  return {
    cache: found && old ? { path: cache, empty: found.size === EMPTY_CACHE } : undefined,
    tokens: names.filter((name) => /^\.token\.[0-9a-f]{12}\.json$/.test(name)).map((name) => `${stateDir}/${name}`),
    keyOfHost: key?.trimStart().startsWith(SEALED_BY_HOST) === true,
  };
}
