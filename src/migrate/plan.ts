// From what is on the host to what is to be done, in order. The driver's path is never without somebody who answers: this psi takes it over
// while the old server still runs, and only then that one ends, with its folder kept.

import { ALIAS_FILE, folderOf } from '../host/layout.ts';
import { asksToken } from './config/nitrokeyhsm.ts';
import { CONFIG_MARK, type Facts } from './look.ts';
import { MARKER_FILE, markerText } from './marker.ts';
import { certificatesOf, had, remarksOf, SET_ASIDE } from './notes.ts';
import { taken } from './old-drop-ins.ts';
import type { OldUnit, Role } from './old-units.ts';
import { mapOf, type Plain } from './plain.ts';
import type { Remark } from './remarks.ts';
import type { Action, Step } from './steps.ts';

export type Plan = {
  /** Empty: nothing of the Python PSI is here, or something refuses. */
  readonly steps: readonly Step[];
  readonly notes: readonly Remark[];
  readonly refusals: readonly Remark[];
  /** What is written; undefined: the config is this psi's. */
  readonly config: Plain | undefined;
};

/** Makes the text of a config. */
export type WriteConfig = (header: readonly string[], config: Plain) => string;

export function plan(facts: Facts, write: WriteConfig): Plan {
  if (!isHere(facts)) return { steps: [], notes: [], refusals: [], config: undefined };
  const { notes, refusals } = remarksOf(facts);
  const config = facts.config?.translated.config;
  return { steps: refusals.length > 0 ? [] : allSteps(facts, write), notes, refusals, config };
}

/** A config alone may be this psi's, and secrets alone those that no workload has any more: both are no reason to begin. */
function isHere({ marker, units, defaultDriver, dropIns, secrets }: Facts): boolean {
  const registered = dropIns.old.length > 0 && secrets.length > 0;
  return marker !== undefined || units.units.length > 0 || defaultDriver === 'old' || registered;
}

function allSteps(facts: Facts, write: WriteConfig): readonly Step[] {
  return [
    step({ do: 'reload' }, 'systemd answers: without it nothing is begun'),
    ...begin(facts),
    ...configSteps(facts, write),
    ...stopAll(facts, 'timer', 'its timer starts the setup, and that starts the server again'),
    ...stopAll(facts, 'job', 'it requires the old server, and would bring it back'),
    ...clear(facts, ['timer', 'job']),
    ...stateSteps(facts),
    ...takeOver(facts),
    ...endServer(facts),
    ...smartCards(facts),
    ...secretSteps(facts),
    step({ do: 'remove', path: markerPath(facts) }, 'the migration is done'),
  ];
}

function step(action: Action, why: string): Step {
  return { action, why };
}

function markerPath({ places }: Facts): string {
  return `${folderOf(places.configFile)}/${MARKER_FILE}`;
}

function setAside(path: string): Action {
  return { do: 'move', path, to: `${path}${SET_ASIDE}` };
}

function begin(facts: Facts): readonly Step[] {
  const action = { do: 'write', path: markerPath(facts), text: markerText(had(facts)), mode: 0o600 } as const;
  return [step(action, 'ended on the way, the next run goes on')];
}

function configSteps({ places, config, carried }: Facts, write: WriteConfig): readonly Step[] {
  if (config === undefined) return [];
  const { configFile: path } = places;
  const kept = { do: 'write', path: `${path}${SET_ASIDE}`, text: config.text, mode: 0o600, hidden: true } as const;
  const text = write([CONFIG_MARK, 'All keys: docs/config.example.yaml'], config.translated.config);
  return [
    ...carried,
    step(kept, 'the config as it was'),
    step({ do: 'write', path, text, mode: 0o600, hidden: true }, 'the same in the words of this psi'),
  ];
}

/** A file goes after its unit was stopped: what has none has ended. By then its name may be that of a unit of this psi. */
function stopAll({ units }: Facts, role: Role, why: string): readonly Step[] {
  return units.units.filter((unit) => unit.role === role).map(({ unit }) => step({ do: 'stop', unit }, why));
}

/** A unit goes after what changes it: with it gone, nobody would know whose that is. `beside`: what systemd is to see at the same moment. */
function clear(facts: Facts, roles: readonly Role[], beside: readonly Step[] = []): readonly Step[] {
  const { units } = facts;
  const gone = units.units.filter(({ role }) => roles.includes(role));
  const names = new Set(gone.map(({ unit }) => unit));
  return [
    ...gone.flatMap(asideSteps),
    ...units.links
      .filter(({ unit }) => names.has(unit))
      .map(({ path }) => step({ do: 'remove', path }, 'it starts the old unit at boot')),
    ...gone.map(({ path }) => step({ do: 'remove', path }, 'the old unit')),
    ...beside,
    step({ do: 'reload' }, 'systemd forgets the old units'),
  ];
}

function asideSteps({ dropIns, unit }: OldUnit): readonly Step[] {
  return dropIns.map(({ path }) => {
    const why = `it was made for the old ${unit}, and would change the unit of this psi that has its name`;
    return step(setAside(path), why);
  });
}

function stateSteps({ state, dropIns, answering }: Facts): readonly Step[] {
  // Once this psi runs they are its own: a run before this one removed the others.
  const tokens = answering === 'psi' ? [] : state.tokens;
  return [
    ...(state.cache ? [step(setAside(state.cache.path), 'it begins as a cache of this psi does, and is none')] : []),
    ...tokens.map((path) =>
      step({ do: 'remove', path }, 'an access token of before, whose file does not tell its server'),
    ),
    ...dropIns.old.map((one) =>
      step(
        { do: 'write', path: one.path, text: taken(one), mode: 0o644 },
        'its lines stay, and the setup of this psi may change it',
      ),
    ),
  ];
}

const SERVER = 'psi-secrets.service';

/** In a folder that is gone with a boot, as the old server's run is. */
export function keepFile({ places }: Pick<Facts, 'places'>): string {
  return `${places.runtimeUnitDir}/${SERVER}.d/90-psi-migrate.conf`;
}

const KEEP = [
  '[Unit]',
  '# Whatever wants it does not start it again: it would take the socket for itself.',
  'ConditionPathExists=!/',
  '[Service]',
  '# Its folder has the socket of this psi when it ends.',
  'RuntimeDirectoryPreserve=yes',
  'Restart=no',
  '',
];

function takeOver(facts: Facts): readonly Step[] {
  const keep = { do: 'write', path: keepFile(facts), text: KEEP.join('\n'), mode: 0o644 } as const;
  return [
    ...(facts.units.units.some(({ role }) => role === 'server')
      ? [
          step(keep, 'the old server takes its folder, and the socket in it, away when it ends'),
          step({ do: 'reload' }, 'systemd reads that'),
        ]
      : []),
    step({ do: 'install', pcscd: false }, 'its folders, its units and the command psi'),
    step({ do: 'socket', unit: 'psi.socket' }, 'lookups come to this psi from here on'),
    step({ do: 'start', unit: 'psi.service' }, 'it answers them'),
  ];
}

function endServer(facts: Facts): readonly Step[] {
  if (!had(facts).server) return [];
  const path = `${facts.systemdDir}/${ALIAS_FILE}`;
  const text = ['# Units that name the service of the Python PSI mean this one.', '[Install]', `Alias=${SERVER}`, ''];
  return [
    ...stopAll(facts, 'server', 'before its file goes: it would not clear up after itself'),
    step({ do: 'socket', unit: 'psi.socket' }, 'whatever the old server did to the path when it ended'),
    ...clear(
      facts,
      ['server'],
      [
        // Before the alias: it would apply to this psi by that name.
        step({ do: 'remove', path: keepFile(facts) }, 'it was for the end of the old server'),
        step({ do: 'write', path, text: text.join('\n'), mode: 0o644 }, `units that name ${SERVER} find this psi`),
      ],
    ),
    ...had(facts).stopped.map((unit) => step({ do: 'revive', unit }, `it requires ${SERVER}, and was stopped with it`)),
  ];
}

/** Last of the old units: the server may ask it until it ends. */
function smartCards(facts: Facts): readonly Step[] {
  if (!had(facts).pcscd) return [];
  const why = 'the old server has ended';
  const asked = asksToken(facts.settings);
  return [
    ...stopAll(facts, 'pcscd', why),
    ...stopAll(facts, 'volume', why),
    ...clear(facts, ['pcscd', 'volume']),
    ...(asked
      ? [
          step({ do: 'install', pcscd: true }, 'the smart card daemon of this psi in its place'),
          step({ do: 'restart', unit: 'pcscd.service' }, 'the HSM is asked by way of it'),
          step({ do: 'restart', unit: 'psi.service' }, 'it comes to its HSM; lookups wait meanwhile'),
        ]
      : []),
  ];
}

function secretSteps({ places, defaultDriver, settings: file }: Facts): readonly Step[] {
  const cached = mapOf(file['cache']);
  const timers = [
    ...(cached['backend'] !== undefined && cached['enabled'] !== false ? ['psi-infisical-refresh.timer'] : []),
    ...(certificatesOf(file).length > 0 ? ['psi-tls-renew.timer'] : []),
  ];
  return [
    ...(defaultDriver === 'old'
      ? [step({ do: 'remove', path: places.defaultDriver }, 'its commands are those of the old server, with its token')]
      : []),
    step({ do: 'setup' }, 'each gets the commands of this psi under its name'),
    step({ do: 'restart', unit: 'psi-infisical-setup.service' }, 'one of before would count as done'),
    ...timers.map((unit) => step({ do: 'start', unit }, 'it is enabled, and the first time is now')),
  ];
}
