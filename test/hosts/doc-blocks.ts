// The shell blocks of README and docs. Each has a mark before it, which readers do not see: `<!-- run: NAME -->`, and a test runs it
// from the text, or `<!-- not run: why -->`.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PSI_TREE as TREE } from './psi-tree.ts';

export type DocBlock = {
  /** Path of its page in the tree, and where its fence stands there. */
  readonly page: string;
  readonly line: number;
  readonly text: string;
  /** The NAME of `run: NAME`. */
  readonly run: string | undefined;
  /** The reason of `not run: why`. */
  readonly notRun: string | undefined;
};

/** What people read and type from: the pages of the tree's root and of docs/. */
export async function docPages(): Promise<readonly string[]> {
  const pages = await Promise.all(
    ['.', 'docs'].map(async (folder) => (await readdir(join(TREE, folder))).map((name) => join(folder, name))),
  );
  return pages.flat().filter((path) => path.endsWith('.md') && path !== 'CHANGELOG.md');
}

export const docText = (page: string): Promise<string> => readFile(join(TREE, page), 'utf8');

export async function docBlocks(): Promise<readonly DocBlock[]> {
  const pages = await docPages();
  return (await Promise.all(pages.map(async (page) => shellBlocks(page, await docText(page))))).flat();
}

const FENCE = /^( *)(`{3,}|~{3,}) *([a-z]*)/;
const SHELLS: ReadonlySet<string> = new Set(['sh', 'bash', 'shell', 'console', 'zsh']);

/** The blocks of a page that say they are shell. */
export function shellBlocks(page: string, text: string): readonly DocBlock[] {
  const lines = text.split('\n');
  const blocks: DocBlock[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const [, indent = '', fence, language = ''] = FENCE.exec(lines[at] ?? '') ?? [];
    if (fence === undefined) continue;
    const end = lines.findIndex((line, index) => index > at && line.trim() === fence);
    if (end < 0) throw new Error(`${page}:${String(at + 1)}: this block has no end`);
    const body = lines.slice(at + 1, end).map((line) => line.replace(new RegExp(`^ {0,${String(indent.length)}}`), ''));
    if (SHELLS.has(language)) {
      blocks.push({ page, line: at + 1, text: `${body.join('\n')}\n`, ...markBefore(lines.slice(0, at)) });
    }
    at = end;
  }
  return blocks;
}

function markBefore(lines: readonly string[]): Pick<DocBlock, 'run' | 'notRun'> {
  // The formatter puts an empty line between the two.
  const last = lines.findLast((line) => line.trim() !== '') ?? '';
  const [, kind, words] = /^ *<!-- (run|not run): (.+?) -->$/.exec(last) ?? [];
  return { run: kind === 'run' ? words : undefined, notRun: kind === 'not run' ? words : undefined };
}

/** Lines of a page that are shown as code by their indent alone, which says no language. */
export function indentedCommands(text: string): readonly string[] {
  const command = /^(?:\$run|podman|psi|systemctl|systemd-[a-z]+|curl|npm|sudo) /;
  const outside = text.replace(/^( *)(`{3,}|~{3,})[^]*?^ *\2 *$/gm, '');
  const shown = [...outside.matchAll(/(?:^|\n)\n((?: {4,}.*\n)+)/g)].flatMap(([, code = '']) => code.split('\n'));
  return shown.map((line) => line.trim()).filter((line) => command.test(line));
}

/** The commands of a block, each with the lines that it goes on over. Comment lines are none. */
export function commandsOf(text: string): readonly string[] {
  const commands: string[] = [];
  let open = '';
  for (const line of text.split('\n')) {
    if (open === '' && /^\s*(#.*)?$/.test(line)) continue;
    open = open === '' ? line : `${open}\n${line}`;
    if (/(\\|\||&&)$/.test(line.trimEnd())) continue;
    commands.push(open);
    open = '';
  }
  return open === '' ? commands : [...commands, open];
}

/** A script that runs the commands in one shell, as a reader would, and ends at the first with another exit status than it should have. */
export function scriptOf(commands: readonly string[], statusOf: (command: string) => number): string {
  const checked = commands.map((command) => {
    const wanted = String(statusOf(command));
    const words = command.replaceAll("'", String.raw`'\''`);
    return `${command}\ns=$?; [ "$s" = ${wanted} ] || { printf '%s\\n' 'exit status '"$s"', not ${wanted}: ${words}' >&2; exit 99; }`;
  });
  return `${checked.join('\n')}\n`;
}
