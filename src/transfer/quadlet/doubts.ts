// Secrets that a quadlet keeps from working: who the container runs as, what else claims the same variable or file, and what is mounted over
// or around it. Said before the container starts, because Podman says none of it, or only at the start.

import { printable } from '../../core/naming.ts';
import { claimOf, type SecretUse } from '../../core/workload.ts';
import { dropInFileName } from '../../registration/drop-in.ts';
import type { QuadletDoubts } from '../../registration/quadlet-doubts.ts';
import type { DoubtedUnit } from './doubted-unit.ts';
import { badPlaces } from './doubts-places.ts';
import { shutOut } from './doubts-users.ts';
import type { QuadletFiles } from './quadlet-files.ts';
import { mergedUnit } from './read.ts';
import { parseSecretOption } from './secret-option.ts';
import { expand, type UnitHost } from './specifiers.ts';
import { liveLines } from './unit.ts';

export type DoubtsDeps = {
  readonly files: Pick<QuadletFiles, 'read'> & {
    /** Where the quadlet of this name lies, or would. */
    readonly pathOf: (unit: string) => Promise<string>;
  };
  readonly manager: UnitHost;
};

export function quadletDoubts({ files, manager }: DoubtsDeps): QuadletDoubts {
  return { of: async (unit, uses) => doubtsOf(await mergedUnit(files, await files.pathOf(unit), manager), uses) };
}

/** One line for each; `uses` are those of PSI's own drop-in. */
export function doubtsOf(of: DoubtedUnit, uses: readonly SecretUse[]): readonly string[] {
  const files = uses.filter(({ kind }) => kind === 'mount');
  return [...new Set([...otherClaims(of, uses), ...shutOut(of, files), ...badPlaces(of, files)])];
}

/** Podman gives the container the last of two, without a word. */
function otherClaims({ unit, names }: DoubtedUnit, uses: readonly SecretUse[]): readonly string[] {
  const own = dropInFileName(fileName(unit.parts[0]?.file.path ?? ''));
  const claims = new Set(uses.map(claimOf));
  return liveLines(unit, 'Secret').flatMap((at) =>
    at.words.flatMap((word) => {
      const option = parseSecretOption(expand(word.text, names).text ?? '');
      if (!option || !claims.has(claimOf(option.use))) return [];
      const later = at.file !== unit.parts[0]?.file && fileName(at.file.path) > own;
      const what = `${option.kind === 'env' ? 'the variable' : 'the file'} ${printable(claimOf(option.use))}`;
      const which = later ? `that one, and not psi's` : "psi's, and not that one";
      return [
        `${at.place}: ${what} comes from podman's secret ${printable(option.name)} too: the container gets ${which}; take one of the two out`,
      ];
    }),
  );
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
