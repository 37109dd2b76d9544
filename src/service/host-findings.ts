// What status finds wrong beside the service: each of them a look with words and the command that mends it.

import type { Config } from '../config/config.ts';
import { hasPlainSecrets } from '../config/references.ts';
import { shellWord } from '../core/text/shell.ts';
import type { Workload } from '../core/workload.ts';
import type { ServiceProblem } from '../lookup/status.ts';
import type { Quadlets } from '../registration/quadlets.ts';
import type { ReloadDebt } from '../registration/reload-debt.ts';

export async function reloadOwed(debt: Pick<ReloadDebt, 'owed'>): Promise<readonly ServiceProblem[]> {
  if (!(await debt.owed())) return [];
  return [
    {
      severity: 'error',
      subject: null,
      message:
        'systemd has yet to read drop-ins that setup changed: a workload that starts now starts with those of before',
      hint: 'run `podman exec psi psi setup`: it asks systemd again',
    },
  ];
}

/** Workloads of the config whose unit nobody has: mistyped, or not there yet. What cannot be told for sure is not told. */
export async function missingQuadlets(
  workloads: readonly Workload[],
  quadlets: Quadlets,
  systemdDir: string,
): Promise<readonly ServiceProblem[]> {
  const missing: ServiceProblem[] = [];
  for (const { name, unit } of workloads) {
    const found = await quadlets.find(unit).catch(() => 'nobody knows');
    if (found !== undefined) continue;
    missing.push({
      severity: 'warning',
      subject: name,
      message: `its unit ${unit} is nowhere: no folder of quadlets has it, and systemd does not know it`,
      hint: `put the quadlet into ${systemdDir}, or correct the workload's name or \`unit\` in the config: \`ls ${shellWord(systemdDir)}\` shows what is there`,
    });
  }
  return missing;
}

/** What others than its owner may do with a file or folder; undefined: it is not there. */
export type Openness = (path: string) => Promise<{ readonly mode: number } | undefined>;

const OTHERS_WRITE = 0o022;
const OTHERS_READ = 0o044;
const OTHERS = 0o077;

export type GuardedPlaces = {
  readonly file: string;
  readonly stateDir: string;
  /** Does a secret stand in the config file itself? */
  readonly plainSecrets: boolean;
};

export function guardedPlaces(config: Config): GuardedPlaces {
  return { file: config.file, stateDir: config.stateDir, plainSecrets: hasPlainSecrets(config) };
}

/** Whoever may write the config decides where secrets go; whoever may read it reads those that stand in it. */
export async function openPlaces(places: GuardedPlaces, openness: Openness): Promise<readonly ServiceProblem[]> {
  const { file, stateDir, plainSecrets } = places;
  const [config, state] = await Promise.all([openness(file), openness(stateDir)]);
  return [
    ...(config ? configProblem(file, config.mode, plainSecrets) : []),
    ...(state && (state.mode & OTHERS) !== 0
      ? [
          open(
            `the state folder ${stateDir}`,
            state.mode,
            `chmod 700 ${shellWord(stateDir)}`,
            'others can look into it',
          ),
        ]
      : []),
  ];
}

function configProblem(file: string, mode: number, plainSecrets: boolean): readonly ServiceProblem[] {
  const what = `the config file ${file}`;
  const command = `chmod 600 ${shellWord(file)}`;
  if ((mode & OTHERS_WRITE) !== 0) return [open(what, mode, command, 'others can change it')];
  if (plainSecrets && (mode & OTHERS_READ) !== 0)
    return [open(what, mode, command, 'secrets stand in it, and others can read it')];
  return [];
}

function open(what: string, mode: number, command: string, why: string): ServiceProblem {
  const octal = (mode & 0o777).toString(8).padStart(4, '0');
  return {
    severity: 'warning',
    subject: null,
    message: `${what} is open, mode ${octal}: ${why}`,
    hint: `run \`${command}\``,
  };
}
