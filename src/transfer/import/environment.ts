// Which environment of a project an import of a quadlet writes to, and what that means for containers: psi gives them the one of the
// config, so what lies in another one must not take the place of what is in the quadlet.

import { PsiError } from '../../core/error.ts';
import type { QuadletReport } from './quadlet.ts';

export type Environments = {
  readonly project: string;
  /** What containers get; undefined: this provider has no environments. */
  readonly configured: string | undefined;
  /** What the import writes to; undefined: the same. */
  readonly asked: string | undefined;
};

/** Before anything is written: an edited quadlet would have its container start with other values. */
export function refuseForeignRewrite(environments: Environments, rewrite: boolean): void {
  if (!rewrite || isTheSame(environments)) return;
  const { project, configured, asked } = environments;
  throw new PsiError(
    'USAGE',
    `containers get the environment ${String(configured)} of ${project}, not ${String(asked)}`,
    {
      hint: 'give the other environment a project of its own in the config, and import with its name and --rewrite',
    },
  );
}

/** What was imported into another environment is not what the next steps are about. */
export function reportIn(environments: Environments, report: QuadletReport): QuadletReport {
  if (isTheSame(environments)) return report;
  const { project, configured, asked } = environments;
  const note = `psi gives containers the environment ${String(configured)} of ${project}: to use ${String(asked)}, give it a project of its own in the config`;
  return { ...report, notes: [...report.notes, note], edits: [], next: null };
}

function isTheSame({ configured, asked }: Environments): boolean {
  return configured === undefined || asked === undefined || asked === configured;
}
