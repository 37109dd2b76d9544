// What a migration says beside its steps: what keeps it from being carried out, and what people would run into later.

import { isEnvName, printable, workloadOf } from '../core/naming.ts';
import { movedAway, shellWord } from '../core/text/shell.ts';
import { folderOf } from '../host/layout.ts';
import type { Facts } from './look.ts';
import type { Marker } from './marker.ts';
import type { OldSecret } from './old-secrets.ts';
import type { Role } from './old-units.ts';
import { listOf, mapOf, type Plain } from './plain.ts';
import { Remarks, type Remark } from './remarks.ts';

/** Name of a file that is out of use. */
export const SET_ASIDE = '.python';

export function remarksOf(facts: Facts): Remarks {
  const remarks = new Remarks();
  remarks.notes.push(...facts.notes, ...(facts.config?.translated.notes ?? []));
  remarks.refusals.push(...facts.refusals, ...(facts.config?.translated.refusals ?? []));
  foreignUnits(facts, remarks);
  const named = new Set(Object.keys(mapOf(facts.settings['workloads'])));
  const providers = mapOf(facts.settings['providers']);
  for (const old of facts.secrets) ofSecret(old, named, providers, remarks);
  remarks.notes.push(...ofHost(facts), ...ofConfig(facts), ...inTheEnd(facts));
  return remarks;
}

/** Before the first run of this migration. */
export function had({
  mode,
  units,
  marker,
  dependents,
}: Pick<Facts, 'mode' | 'units' | 'marker' | 'dependents'>): Marker {
  const stopped = [...new Set([...(marker?.stopped ?? []), ...dependents])];
  const has = (role: Role): boolean => units.units.some((unit) => unit.role === role);
  return {
    ...{ mode, stopped, server: marker?.server === true || has('server') },
    pcscd: marker?.pcscd === true || has('pcscd'),
  };
}

function foreignUnits(facts: Facts, remarks: Remarks): void {
  const { units, config, marker, answering, places } = facts;
  for (const path of units.foreign) {
    const hint = `look at it, then move it away: \`${movedAway([path], '.mine')}\``;
    remarks.refuse(path, 'it is named as a unit of the Python PSI, and is not one', hint);
  }
  if (answering === 'old' && !had(facts).server) {
    const hint = 'end it when this is to be carried out: `podman stop psi-secrets`, or by its process';
    remarks.refuse(places.socket, 'a Python PSI answers there that no unit runs', hint);
  }
  if (config === undefined && marker === undefined && units.units.length > 0)
    remarks.note(places.configFile, 'there is no config of the Python PSI: that of this psi is taken');
}

function ofSecret(
  { secret, commands, mapping, provider, refused }: OldSecret,
  workloads: ReadonlySet<string>,
  providers: Plain,
  remarks: Remarks,
): void {
  const { name } = secret;
  const workload = workloadOf(name) ?? '';
  if (commands === 'program') {
    const hint = `remove it while that one is there, \`podman secret rm ${shellWord(name)}\`: the setup makes it anew`;
    remarks.refuse(name, 'its commands run the program of an early Python PSI', hint);
  } else if (mapping === 'text') {
    const hint = 'run `psi setup` of a Python PSI of April 2026 first';
    remarks.refuse(name, 'its mapping is one of an early Python PSI', hint);
  } else if (refused) {
    const hint =
      'leave socket_token out of the new config for one `psi setup`, which replaces it, and write it there again';
    remarks.note(
      name,
      'its commands send another token than the socket asks for: its lookups fail, and so will its replace',
      hint,
    );
  } else if (mapping === 'hsm') {
    remarks.notes.push(ofToken(name, provider, providers));
  } else if (!workloads.has(workload)) {
    const hint = 'if nobody uses it: `psi prune` shows what no workload has';
    remarks.note(
      name,
      'no workload of the config has it: it stays, and psi.service gives it its own commands later',
      hint,
    );
  } else if (!isEnvName(name.slice(workload.length + 2))) {
    const hint = 'name the variable under `keys:` of its source';
    remarks.note(name, 'psi makes no variable of this name by itself', hint);
  }
}

/** It goes over as it is, with its commands: those of this psi are given to it by the service, later. */
function ofToken(name: string, provider: string | undefined, providers: Plain): Remark {
  const shows = `\`podman secret inspect --showsecret ${shellWord(name)}\``;
  if (provider !== undefined && providers[provider] !== undefined) {
    const reason = `its value is sealed by the token of ${provider}, which opens it here too`;
    return { subject: name, reason, hint: `see that it does, before its last copy elsewhere goes: ${shows}` };
  }
  const reason =
    provider === undefined
      ? 'its mapping has no value that a token opens: its lookups fail, here as there'
      : `its value is sealed by ${printable(provider)}, which is not among the providers: its lookups fail, here as there`;
  const hint =
    'if it is needed: its token is written as `nitrokeyhsm: {…}` under providers, see docs/sealed-secrets.md';
  return { subject: name, reason, hint };
}

type Row = readonly [when: boolean, subject: string, reason: string, hint?: string | undefined];

function those(rows: readonly Row[]): readonly Remark[] {
  return rows.filter(([when]) => when).map(([, subject, reason, hint]) => ({ subject, reason, hint }));
}

function ofHost(facts: Facts): readonly Remark[] {
  const { mode, state, defaultDriver, dropIns, places, systemdDir } = facts;
  const exec = mode === 'container' ? '`podman exec psi-secrets psi …` is `psi …`' : undefined;
  const folders = `${places.stateDir} ${systemdDir} ${folderOf(places.socket)}`;
  return those([
    [had(facts).server, 'psi-secrets.service', 'it is another name of psi.service from now on', exec],
    [
      mode === 'container',
      places.stateDir,
      'with SELinux its folders have the label of one container (`:Z`)',
      `if psi.service is refused there: \`restorecon -RF ${folders}\``,
    ],
    [
      state.cache !== undefined,
      state.cache?.path ?? '',
      state.cache?.empty === true
        ? 'that cache was never filled: it is set aside'
        : 'this psi does not read that cache: its values are fetched anew, so the provider has to answer',
    ],
    [
      defaultDriver === 'old',
      places.defaultDriver,
      'each secret has its own commands and needs no default: Podman has its own driver again',
      'if psi is to be the default: `psi install --default-driver`',
    ],
    [
      defaultDriver === 'foreign',
      places.defaultDriver,
      "it is neither psi's nor the Python PSI's, and stays",
      'look at it: `psi install --default-driver` would refuse to write over it',
    ],
    ...dropIns.changed.map((path): Row => [
      true,
      path,
      'it was changed by hand: a setup of this psi leaves it, and the workload with it',
      `move your lines to a file of your own beside it, then \`rm ${shellWord(path)}\` and \`psi setup\``,
    ]),
  ]);
}

function ofConfig({ settings, state, mode }: Facts): readonly Remark[] {
  const certificates = certificatesOf(settings);
  const hooked = certificates.some(({ hooks }) => listOf(hooks).length > 0);
  return those([
    [
      mapOf(settings['cache'])['backend'] === 'tpm' && state.keyOfHost,
      'cache.backend',
      "the key of the old cache is sealed by the host's own key and by no TPM: with tpm this psi needs one",
      'without a TPM write backend: credential, see docs/secret-cache.md',
    ],
    [
      certificates.length > 0,
      'tls',
      'renewals of the Python PSI have not worked since April 2026: its certificates may have ended',
      'after the migration: `psi infisical tls status`, then `psi infisical tls renew`',
    ],
    [hooked && mode === 'container', 'hooks', 'they ran in the container, and run on the host now'],
  ]);
}

function inTheEnd({ places }: Facts): readonly Remark[] {
  const things = `its images and volumes, /opt/psi, ${places.cacheKey}, and the files that end in ${SET_ASIDE}`;
  return those([
    [true, 'the Python PSI', 'what is left of it for you to remove', `${things}: see docs/migrate-from-python.md`],
  ]);
}

export function certificatesOf(settings: Plain): readonly Plain[] {
  const tls = mapOf(mapOf(mapOf(settings['providers'])['infisical'])['tls']);
  return Object.values(mapOf(tls['certificates'])).map(mapOf);
}
