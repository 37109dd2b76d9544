// Reads a Containerfile far enough to say which image it starts from and which files of the tree a target depends on.
// Pure. Knows the few instructions that this project's Containerfile uses.

interface Stage {
  readonly name: string;
  readonly from: string;
  readonly sources: string[];
  readonly needs: string[];
}

export interface BuildInputs {
  /** Images from outside that the target is built on. */
  readonly bases: readonly string[];
  /** Paths in the build context, as COPY names them. */
  readonly sources: readonly string[];
}

/** What `target` (default: the last stage) is made of. */
export function buildInputs(text: string, target?: string): BuildInputs {
  const stages = parse(text);
  const bases = new Set<string>();
  const sources = new Set<string>();
  const visit = (stage: Stage | undefined): void => {
    if (stage === undefined) return;
    for (const source of stage.sources) sources.add(source);
    for (const name of stage.needs) visit(stages.find((other) => other.name === name));
    const parent = stages.find((other) => other.name === stage.from);
    if (parent === undefined) bases.add(stage.from);
    else visit(parent);
  };
  const chosen = target === undefined ? stages.at(-1) : stages.find((stage) => stage.name === target);
  if (chosen === undefined) throw new Error(`the Containerfile has no stage ${target ?? ''}`);
  visit(chosen);
  return { bases: [...bases].sort(), sources: [...sources].sort() };
}

/** Matches the paths that a .dockerignore names; of its patterns it knows `*` only. */
export function ignoredPaths(text: string): RegExp {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const patterns = lines.map((line) => line.replace(/[.+?()[\]\\]/g, '\\$&').replaceAll('*', '[^/]*'));
  return new RegExp(`^(?:${patterns.join('|')})$`);
}

function parse(text: string): readonly Stage[] {
  const stages: Stage[] = [];
  const joined = text.replace(/^\s*#.*\n/gm, '').replace(/\\\n/g, ' ');
  for (const line of joined.split('\n')) {
    const [instruction, ...words] = line.trim().split(/\s+/);
    if (instruction === 'FROM') {
      const [from = '', , name = ''] = words;
      stages.push({ name, from, sources: [], needs: [] });
    } else if (instruction === 'COPY') {
      const stage = stages.at(-1);
      const origin = words.find((word) => word.startsWith('--from='));
      if (origin !== undefined) stage?.needs.push(origin.slice('--from='.length));
      else stage?.sources.push(...words.filter((word) => !word.startsWith('--')).slice(0, -1));
    }
  }
  return stages;
}
