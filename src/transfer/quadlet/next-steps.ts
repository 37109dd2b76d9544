// What is left to do after an import from a quadlet: the lines for the config, which PSI does not edit itself, and the commands.

import { isEnvName, isWorkloadName } from '../../core/naming.ts';
import { claimOf, type SecretSpec, type SecretUse, type Workload } from '../../core/workload.ts';
import type { WorkloadPattern } from '../../core/workload-pattern.ts';
import { byName } from '../../registration/pattern.ts';
import type { UnitNames } from './specifiers.ts';

export type NextStepsInput = {
  /** File name, such as `myapp.container`. */
  readonly unitFile: string;
  readonly names: UnitNames;
  readonly provider: string;
  readonly project: string;
  readonly path: string;
  readonly workloads: readonly Workload[];
  readonly pattern?: WorkloadPattern | undefined;
  /** What the unit is to get from that folder. */
  readonly keys: readonly string[];
  /** What each of them becomes there; without it a variable of its own name. */
  readonly uses?: ReadonlyMap<string, readonly SecretUse[]>;
  /** The folder holds other keys too. */
  readonly others: boolean;
  /** Is the quadlet still as it was? Then this command edits it. */
  readonly rewriteCommand: string | undefined;
};

export type NextSteps = {
  /** For the config; undefined: it has all that is needed. */
  readonly config: string | undefined;
  readonly commands: readonly string[];
};

export function nextSteps(input: NextStepsInput): NextSteps {
  const { names, rewriteCommand } = input;
  const systemctl = names.scope === 'system' ? 'systemctl' : 'systemctl --user';
  const service = names.instance === undefined ? `'${names.prefix}@*.service'` : names.full;
  return {
    config: configLines(input),
    commands: [
      'podman exec psi psi setup',
      // After the setup the variables come twice, and PSI's win: at no moment does a start of the unit go without.
      ...(rewriteCommand === undefined ? [] : [rewriteCommand]),
      `${systemctl} daemon-reload`,
      `${systemctl} restart ${service}`,
    ],
  };
}

function configLines(input: NextStepsInput): string | undefined {
  const { unitFile, workloads, provider } = input;
  const known = workloads.find((workload) => workload.unit === unitFile);
  const giving = known ?? ofPattern(input);
  if (giving && giving.provider === provider && cover(giving.secrets, input)) return undefined;
  const source = sourceLines(input);
  const below = (indent: string): readonly string[] => source.map((line) => `${indent}${line}`);
  if (known) return [`# one more source of the workload ${known.name}`, 'secrets:', ...below('  ')].join('\n');
  const taken = new Set(workloads.map(({ name }) => name));
  const own = unitFile.replace(/\.container$/, '');
  const plain = isWorkloadName(own) && !taken.has(own);
  const name = plain ? own : 'NAME';
  const several = new Set(workloads.map((workload) => workload.provider).concat(provider)).size > 1;
  return [
    'workloads:',
    `  ${quoted(name)}:`,
    ...(several ? [`    provider: ${quoted(provider)}`] : []),
    ...(plain ? [] : [`    unit: ${quoted(unitFile)}`]),
    '    secrets:',
    ...below('      '),
  ].join('\n');
}

/** A workload of the config that has its name keeps the pattern from it. */
function ofPattern({ pattern, unitFile, workloads }: NextStepsInput): Workload | undefined {
  const found = pattern && byName(pattern, unitFile);
  return workloads.some(({ name }) => name === found?.name) ? undefined : found;
}

function sourceLines(input: NextStepsInput): readonly string[] {
  const { project, path, keys, others } = input;
  const place = { project: quoted(project), path: quoted(path) };
  if (!keys.every((key) => isPlain(key, usesOf(input, key)))) {
    return [
      `- project: ${place.project}`,
      `  path: ${place.path}`,
      '  keys:',
      ...keys.map((key) => `    ${quoted(key)}: ${usesText(usesOf(input, key))}`),
    ];
  }
  // Else the container would get variables that it did not have.
  const include = others ? `, include: [${keys.map(quoted).join(', ')}]` : '';
  return [`- { project: ${place.project}, path: ${place.path}${include} }`];
}

function usesOf({ uses }: NextStepsInput, key: string): readonly SecretUse[] {
  return uses?.get(key) ?? [{ kind: 'env', target: key }];
}

/** What a source without `keys` makes of it. */
function isPlain(key: string, uses: readonly SecretUse[]): boolean {
  return uses.every(({ kind, target }) => kind === 'env' && target === key) && uses.length === 1;
}

function usesText(uses: readonly SecretUse[]): string {
  const texts = uses.map((use) => (use.kind === 'env' ? quoted(use.target) : fileText(use)));
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
}

function fileText({ target, mode, uid, gid }: SecretUse): string {
  const parts = [
    `file: ${quoted(target)}`,
    ...(mode === undefined ? [] : [`mode: ${JSON.stringify(mode)}`]),
    ...(uid === undefined ? [] : [`uid: ${String(uid)}`]),
    ...(gid === undefined ? [] : [`gid: ${String(gid)}`]),
  ];
  return `{ ${parts.join(', ')} }`;
}

/** Do these sources give the container all that it is to have of that folder, as it is to have it? */
function cover(secrets: readonly SecretSpec[], input: NextStepsInput): boolean {
  const { project, path, keys } = input;
  const here = secrets.filter((spec) => spec.project === project && spec.path === path);
  if (here.length === 0) return false;
  return keys.every((key) => {
    const given = here.flatMap((spec) => usesBy(spec, key)).map(useText);
    return usesOf(input, key).every((use) => given.includes(useText(use)));
  });
}

function usesBy(spec: SecretSpec, key: string): readonly SecretUse[] {
  if (spec.keys) return spec.keys.find((one) => one.key === key)?.uses ?? [];
  const all = spec.exclude.length === 0 && (spec.include.length === 0 || spec.include.includes(key));
  return all && spec.as === 'env' && spec.prefix === '' ? [{ kind: 'env', target: key }] : [];
}

function useText(use: SecretUse): string {
  return JSON.stringify([claimOf(use), use.kind, use.mode, use.uid, use.gid]);
}

/** Plain where YAML reads the text as itself. */
function quoted(text: string): string {
  const plain = isEnvName(text) || /^[A-Za-z/][A-Za-z0-9/._-]*$/.test(text);
  return plain && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(text) ? text : JSON.stringify(text);
}
