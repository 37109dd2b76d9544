// What is left to do after an import from a quadlet: the lines for the config, which PSI does not edit itself, and the commands.

import { isEnvName } from '../../core/naming.ts';
import type { SecretSpec, Workload } from '../../core/workload.ts';
import type { UnitNames } from './specifiers.ts';

export type NextStepsInput = {
  /** File name, such as `myapp.container`. */
  readonly unitFile: string;
  readonly names: UnitNames;
  readonly provider: string;
  readonly project: string;
  readonly path: string;
  readonly workloads: readonly Workload[];
  /** What the unit is to get from that folder. */
  readonly keys: readonly string[];
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
  if (known?.secrets.some((spec) => covers(spec, input)) === true && known.provider === provider) return undefined;
  const source = `- ${sourceText(input)}`;
  if (known) return [`# one more source of the workload ${known.name}`, 'secrets:', `  ${source}`].join('\n');
  const taken = new Set(workloads.map(({ name }) => name));
  const own = unitFile.replace(/\.container$/, '');
  // The name of a workload ends in `@` or has none, and no `--` (config/schema/name-fields.ts).
  const plain = /^(?!.*--)[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9._])?@?$/.test(own) && !taken.has(own);
  const name = plain ? own : 'NAME';
  const several = new Set(workloads.map((workload) => workload.provider).concat(provider)).size > 1;
  return [
    'workloads:',
    `  ${quoted(name)}:`,
    ...(several ? [`    provider: ${quoted(provider)}`] : []),
    ...(plain ? [] : [`    unit: ${quoted(unitFile)}`]),
    '    secrets:',
    `      ${source}`,
  ].join('\n');
}

function sourceText({ project, path, keys, others }: NextStepsInput): string {
  // Else the container would get variables that it did not have.
  const include = others ? `, include: [${keys.map(quoted).join(', ')}]` : '';
  return `{ project: ${quoted(project)}, path: ${quoted(path)}${include} }`;
}

function covers(spec: SecretSpec, { project, path, keys }: NextStepsInput): boolean {
  return (
    spec.project === project &&
    spec.path === path &&
    spec.as === 'env' &&
    spec.prefix === '' &&
    spec.exclude.length === 0 &&
    (spec.include.length === 0 || keys.every((key) => spec.include.includes(key)))
  );
}

/** Plain where YAML reads the text as itself. */
function quoted(text: string): string {
  const plain = isEnvName(text) || /^[A-Za-z/][A-Za-z0-9/._-]*$/.test(text);
  return plain && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(text) ? text : JSON.stringify(text);
}
