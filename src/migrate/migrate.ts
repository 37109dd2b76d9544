// `psi migrate`: the plan, and with `apply` what came of it.

import type { Failure } from '../core/failure.ts';
import { workloadOf } from '../core/naming.ts';
import { apply, type ApplyDeps } from './apply.ts';
import { missingImage, type ImageDeps } from './image.ts';
import { look, type Facts, type LookDeps } from './look.ts';
import { oldCommands } from './old-secrets.ts';
import { isRecord, listOf, mapOf, type Plain } from './plain.ts';
import { SET_ASIDE } from './notes.ts';
import { keepFile, plan, type Plan, type WriteConfig } from './plan.ts';
import type { Remark } from './remarks.ts';
import { stepWords, type StepWords } from './steps.ts';

export type MigrateDeps = LookDeps &
  ApplyDeps &
  ImageDeps & {
    readonly tree: LookDeps['tree'] & ApplyDeps['tree'];
    readonly writtenConfig: WriteConfig;
    /** One run at a time on this host. Failure: CONFLICT. */
    readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
    /** What this psi refuses of a config. */
    readonly refused: (text: string) => Promise<readonly Remark[]>;
  };

export type MigrateReport = {
  readonly applied: boolean;
  /** What was done, or would be. */
  readonly steps: readonly StepWords[];
  readonly notes: readonly Remark[];
  /** With one of these nothing was done. */
  readonly refusals: readonly Remark[];
  /** What could not be moved. */
  readonly left: readonly Remark[];
  /** The config that is written, without its secrets; undefined: it is this psi's. */
  readonly config: string | undefined;
  readonly failure: Failure | undefined;
};

export type Wish = { readonly apply: boolean };

/** Killed, its caller leaves a container behind that goes on: the next run must not go beside it. */
export function migrate(deps: MigrateDeps, options: Wish): Promise<MigrateReport> {
  return options.apply ? deps.alone(() => run(deps, options)) : run(deps, options);
}

async function run(deps: MigrateDeps, options: Wish): Promise<MigrateReport> {
  const facts = await look(deps);
  const planned = await withImage(deps, facts, options, await checked(deps, plan(facts, deps.writtenConfig)));
  const { notes, refusals } = planned;
  const config = planned.config && deps.writtenConfig(['without its secrets'], shown(planned.config));
  const report = { notes, refusals, config, left: [], failure: undefined };
  if (!options.apply || refusals.length > 0 || planned.steps.length === 0)
    return { ...report, applied: false, steps: planned.steps.map(stepWords) };
  const { done, said, left: ofSetup, failure } = await apply(deps, planned.steps, wayBack(facts));
  const left = [...said.left, ...ofSetup, ...(failure === undefined ? await stillOld(deps, facts) : [])];
  return { ...report, applied: true, steps: done, failure, left, notes: [...notes, ...said.notes] };
}

/** Read by the loader of this psi before anything is done. */
async function checked({ refused, writtenConfig }: MigrateDeps, planned: Plan): Promise<Plan> {
  if (planned.config === undefined || planned.refusals.length > 0) return planned;
  const refusals = await refused(writtenConfig([], planned.config));
  return refusals.length === 0 ? planned : { ...planned, refusals, steps: [] };
}

/** A plan is shown whatever image it is for. */
async function withImage(deps: MigrateDeps, facts: Facts, { apply }: Wish, planned: Plan): Promise<Plan> {
  const missing = planned.steps.length === 0 ? undefined : await missingImage(deps, facts.systemdDir);
  if (missing === undefined) return planned;
  return apply ? { ...planned, refusals: [missing], steps: [] } : { ...planned, notes: [...planned.notes, missing] };
}

/** Podman's database says whose commands each secret has now. */
async function stillOld({ registry }: MigrateDeps, { secrets, settings }: Facts): Promise<readonly Remark[]> {
  const workloads = mapOf(settings['workloads']);
  const before = new Set(secrets.map(({ secret }) => secret.name));
  const now = (await registry.list()).filter((secret) => oldCommands(secret) !== undefined && before.has(secret.name));
  return now
    .filter(({ name }) => Object.hasOwn(workloads, workloadOf(name) ?? ''))
    .map(({ name }) => ({
      subject: name,
      reason:
        'it has the commands of the Python PSI, which this psi answers: the setup did not come to it, or the provider has it no more',
      hint: '`psi setup` says why',
    }));
}

function wayBack({ places }: Facts): string {
  const systemctl = places.scope === 'system' ? 'systemctl' : 'systemctl --user';
  const { configFile } = places;
  const steps = [
    `${systemctl} stop psi.socket psi.service`,
    `cp ${configFile}${SET_ASIDE} ${configFile}`,
    `rm -f ${keepFile({ places })}`,
    ...[`${systemctl} daemon-reload`, `${systemctl} restart psi-secrets.service`],
  ];
  return `\`${steps.join('; ')}\``;
}

const SECRETS = ['client_secret', 'socket_token', 'pin'];

function shown(config: Plain): Plain {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => {
      if (typeof value === 'string' && SECRETS.includes(key)) return [key, '(not shown)'];
      if (Array.isArray(value)) return [key, listOf(value).map((one) => (isRecord(one) ? shown(one) : one))];
      return [key, isRecord(value) ? shown(value) : value];
    }),
  );
}
