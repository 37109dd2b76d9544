// The Python PSI's config together with what its units say beside it, as this psi takes it.

import { shellWord } from '../core/text/shell.ts';
import type { HostTree } from '../host/host-tree.ts';
import { asksToken, TOKENS } from './config/nitrokeyhsm.ts';
import { translate, type Translated } from './config/translate.ts';
import type { Marker } from './marker.ts';
import { environmentFiles, oldEnvironment } from './old-environment.ts';
import type { OldPlaces } from './old-places.ts';
import type { OldUnits } from './old-units.ts';
import { mapOf, type Plain } from './plain.ts';
import { Remarks } from './remarks.ts';
import type { Step } from './steps.ts';
import { carriedPin, carriedToken, knownToken } from './token.ts';

type ConfigDeps = { readonly places: OldPlaces; readonly tree: Pick<HostTree, 'read'> };

export type ReadConfig = {
  readonly file: unknown;
  readonly text: string | undefined;
  readonly units: OldUnits;
  readonly mode: Marker['mode'];
};

export type OldConfig = {
  readonly translated: Translated;
  readonly carried: readonly Step[];
  /** What its socket asks for, where that can be known. */
  readonly token: string | undefined;
};

export async function oldConfig(
  { places, tree }: ConfigDeps,
  { file, text, units, mode }: ReadConfig,
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
  const token = carriedToken(env, Boolean(named['socket_token']), places, remarks);
  const saidOfPin = new Remarks();
  const pin = carriedPin(env, hasPin(mapOf(named['providers'])), places, saidOfPin);
  const translated = translate(file, {
    ...{ scope: places.scope, mode, env: env.variables },
    ...{ token: token.field, pin: pin.field },
  });
  if (!asksToken(translated.config))
    return { translated, carried: token.steps, token: knownToken(env, named['socket_token']) };
  remarks.add(saidOfPin);
  const carried = [...token.steps, ...pin.steps];
  return { translated, carried, token: knownToken(env, named['socket_token']) };
}

function hasPin(providers: Plain): boolean {
  return TOKENS.some((name) => Boolean(mapOf(providers[name])['pin']));
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
  remarks.refuse(path, `its unit has ${named} as its config`, `run \`psi --config ${shellWord(named)} migrate\``);
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
